"""The files a user writes: campaigns and settings (``a2pcli.yaml``).

YAML is read with the position of every key (``syntax``, ``document``), so that each error names ``file:line:column``.
The models in ``campaign.py`` and ``settings.py`` are the schema, the reference in the docs and the check at once;
``cross.py`` checks keys against each other, and ``explain.py`` turns a model's complaint into a sentence with a hint.
Start reading at ``load.py``.
"""
