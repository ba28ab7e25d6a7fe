"""Synthetic contacts: several countries, 3% broken numbers, 2% duplicates, names with accents. Seeded."""

from __future__ import annotations

import random
import sys
from pathlib import Path

COUNTRIES = (
    # share, how a number of the country is written
    (55, lambda dice: f"07{dice.choice('45789')}{dice.randrange(10**8):08d}"),
    (10, lambda dice: f"+44 7{dice.choice('45789')}{dice.randrange(10**2):02d} {dice.randrange(10**6):06d}"),
    (
        10,
        lambda dice: (
            f"+1 ({dice.choice(('212', '415', '305'))}) {dice.randrange(200, 999)}-{dice.randrange(10**4):04d}"
        ),
    ),
    (8, lambda dice: f"+49 151 {dice.randrange(10**8):08d}"),
    (7, lambda dice: f"+336{dice.randrange(10**8):08d}"),
    (5, lambda dice: f"0034 6{dice.randrange(10**8):08d}"),
    (5, lambda dice: f"+614{dice.randrange(10**8):08d}"),
)
BROKEN = ("", "n/a", "12345", "4.47701E+11", "O7911123456", "07911123456; 07911123457", "020 7946 0000 ext 3")
NAMES = ("Ann", "Ben", "Chloé", "Dóra", "Eve", "François", "Gita", "Hana", "Łukasz", "Zoë", "O'Neil", "Ivy")
PLANS = ("gold", "silver", "basic")


def write(path: Path, rows: int, seed: int = 1) -> None:
    dice = random.Random(seed)
    shares = [share for share, _ in COUNTRIES]
    makers = [make for _, make in COUNTRIES]
    recent: list[str] = []
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("customer_id,mobile,first_name,plan,points,city\n")
        for row in range(rows):
            kind = dice.random()
            if kind < 0.03:
                number = dice.choice(BROKEN)
            elif kind < 0.05 and recent:
                number = dice.choice(recent)
            else:
                number = dice.choices(makers, shares)[0](dice)
                if len(recent) < 1000:
                    recent.append(number)
                else:
                    recent[dice.randrange(1000)] = number
            person = f"{dice.choice(NAMES)},{dice.choice(PLANS)},{dice.randrange(2000)}"
            file.write(f"C{row:08d},{number},{person},Town {row % 997}\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
