-- A ledger of version 0.1.0, as sqlite3's .dump writes it: sent, held, half sent by a killed sender, planned, codes; one
-- person erased. PRAGMA lines are its header's.
PRAGMA application_id=1630695523;
PRAGMA user_version=1067182170;
BEGIN TRANSACTION;
CREATE TABLE a2pcli_revision (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT a2pcli_revision_pkc PRIMARY KEY (version_num)
);
INSERT INTO "a2pcli_revision" VALUES('0004');
CREATE TABLE about (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "about" VALUES('version','0.1.0');
INSERT INTO "about" VALUES('id','3f9be859bb6bef63');
INSERT INTO "about" VALUES('newest-moment','1795816724009');
INSERT INTO "about" VALUES('erasure-key','94bf4ff1b66202806b4181bdd9579a2ae7ae53de29a324868bc7851358cdb3c0');
CREATE TABLE audit (
	number INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	who TEXT NOT NULL, 
	host TEXT NOT NULL, 
	action TEXT NOT NULL, 
	subject TEXT, 
	detail TEXT, 
	previous TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "audit" VALUES(1,1795816719848,'ann','acme-1','plan.approve','rdkjtg3y','{"campaign": "spring-sale", "digest": "78133ec67f2438d2364b370fcaf1adc6b259e42ee599d7027b0dcf9ca1919d12", "gateway": "outbox", "purpose": "marketing"}','0000000000000000000000000000000000000000000000000000000000000000','091740911f21f2102ea25c3c7fd8b32a7e3cfb32b985d0ae70805109a194dfe3');
INSERT INTO "audit" VALUES(2,1795816719895,'ann','acme-1','send.start','rdkjtg3y','{"campaign": "spring-sale", "gateway": "outbox", "purpose": "marketing"}','091740911f21f2102ea25c3c7fd8b32a7e3cfb32b985d0ae70805109a194dfe3','63217cb45dcea0a4f1be37e7fd81968f72f3800add6ee7682a65445419f8743d');
INSERT INTO "audit" VALUES(3,1795816720681,'ann','acme-1','send.end','rdkjtg3y','{"ended": "finished", "states": {"accepted": 8, "skipped": 2}}','63217cb45dcea0a4f1be37e7fd81968f72f3800add6ee7682a65445419f8743d','77955e831daa73cbfe1118de6d8d93d28f73db597f981be26169c17cce6fcc62');
INSERT INTO "audit" VALUES(4,1795816722434,'ann','acme-1','plan.approve','rrrwbw4z','{"campaign": "held", "digest": "cd2a5241cce4d06674b4cc842b920d67f3e6401e06527640551f2fd8886aa330", "gateway": "outbox", "purpose": "marketing"}','77955e831daa73cbfe1118de6d8d93d28f73db597f981be26169c17cce6fcc62','f162980660f6726356ff65ea071a65feb34c35e9004f7ce62480544772280da4');
INSERT INTO "audit" VALUES(5,1795816722524,'ann','acme-1','send.start','rrrwbw4z','{"campaign": "held", "gateway": "outbox", "purpose": "marketing"}','f162980660f6726356ff65ea071a65feb34c35e9004f7ce62480544772280da4','e152f2475e8f62d909249936f12693da2efc92b870b4c446bd2765757003a7c9');
INSERT INTO "audit" VALUES(6,1795816723042,'ann','acme-1','send.end','rrrwbw4z','{"ended": "paused", "states": {"planned": 8, "skipped": 2}}','e152f2475e8f62d909249936f12693da2efc92b870b4c446bd2765757003a7c9','5a2810bd482951c1fc79f0ea31c80ca813416050c4458654c2c88007d7ce5100');
INSERT INTO "audit" VALUES(7,1795816725058,'ann','acme-1','people.erase','#c27656802403ef8814211ddfaf35b2d9b95d385a873cca8a9b894ae401c1638b','{"rows": {"consents": 0, "contacted": 1, "events": 2, "messages": 5, "runs": 5, "sentences": 0, "suppressions": 0}, "skipped": 4}','5a2810bd482951c1fc79f0ea31c80ca813416050c4458654c2c88007d7ce5100','1ecc97e7cc0069f7c5f0c5e51cfcafdf2165600083fe7e1db3fd72a46b78a466');
INSERT INTO "audit" VALUES(8,1795816725620,'ann','acme-1','people.erase-files','#c27656802403ef8814211ddfaf35b2d9b95d385a873cca8a9b894ae401c1638b','{"files": 1, "rows": 1}','1ecc97e7cc0069f7c5f0c5e51cfcafdf2165600083fe7e1db3fd72a46b78a466','8e9e6093645588a9a52fa54107e4d257dc91ec8f7cd92b58c3c3cf21c13483bb');
CREATE TABLE clocks (
	run INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	spec TEXT NOT NULL, 
	PRIMARY KEY (run, number)
);
INSERT INTO "clocks" VALUES(2,1,'{"caps":[],"clock":{"expires":null,"not_before":null,"windows":[{"closed_on":[],"rule":"campaign-window","week":[[[28800,32400]],[[28800,32400]],[[28800,32400]],[[28800,32400]],[[28800,32400]],[[28800,32400]],[[28800,32400]]],"zone":null}],"zones":["Europe/Guernsey"]}}');
CREATE TABLE consents (
	number INTEGER NOT NULL, 
	address TEXT NOT NULL, 
	programme TEXT DEFAULT '' NOT NULL, 
	channel TEXT DEFAULT '' NOT NULL, 
	basis TEXT NOT NULL, 
	double_opt_in TEXT, 
	given_at BIGINT NOT NULL, 
	confirmed_at BIGINT, 
	expires_at BIGINT, 
	source TEXT NOT NULL, 
	wording TEXT, 
	recorded_at BIGINT NOT NULL, 
	revoked_at BIGINT, 
	revoked_by TEXT, 
	PRIMARY KEY (number)
);
CREATE TABLE contacted (
	message INTEGER NOT NULL, 
	address TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	campaign TEXT NOT NULL, 
	programme TEXT DEFAULT '' NOT NULL, 
	subject TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (message)
);
INSERT INTO "contacted" VALUES(4294967297,'+447911123410',1795816720411,'spring-sale','','');
INSERT INTO "contacted" VALUES(4294967298,'+447911123411',1795816720411,'spring-sale','','');
INSERT INTO "contacted" VALUES(4294967300,'+447911123413',1795816720542,'spring-sale','','');
INSERT INTO "contacted" VALUES(4294967301,'+447911123414',1795816720542,'spring-sale','','');
INSERT INTO "contacted" VALUES(4294967302,'+447911123415',1795816720546,'spring-sale','','');
INSERT INTO "contacted" VALUES(4294967303,'+447911123416',1795816720546,'spring-sale','','');
INSERT INTO "contacted" VALUES(4294967304,'+447911123417',1795816720546,'spring-sale','','');
INSERT INTO "contacted" VALUES(12884901889,'+447911123410',1795816724009,'broken','','');
INSERT INTO "contacted" VALUES(12884901892,'+447911123413',1795816724009,'broken','','');
INSERT INTO "contacted" VALUES(12884901893,'+447911123414',1795816724009,'broken','','');
CREATE TABLE events (
	number INTEGER NOT NULL, 
	message BIGINT, 
	run INTEGER, 
	at BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	code TEXT, 
	detail TEXT, 
	gateway_id TEXT, 
	PRIMARY KEY (number)
);
INSERT INTO "events" VALUES(1,NULL,1,1795816720099,'run','sending',NULL,NULL);
INSERT INTO "events" VALUES(2,4294967297,1,1795816720542,'accepted',NULL,NULL,'rdkjtg3y-000001');
INSERT INTO "events" VALUES(3,4294967298,1,1795816720546,'accepted',NULL,NULL,'rdkjtg3y-000002');
INSERT INTO "events" VALUES(4,4294967299,1,1795816720569,'accepted',NULL,NULL,NULL);
INSERT INTO "events" VALUES(5,4294967300,1,1795816720569,'accepted',NULL,NULL,'rdkjtg3y-000004');
INSERT INTO "events" VALUES(6,4294967301,1,1795816720569,'accepted',NULL,NULL,'rdkjtg3y-000005');
INSERT INTO "events" VALUES(7,4294967302,1,1795816720577,'accepted',NULL,NULL,'rdkjtg3y-000006');
INSERT INTO "events" VALUES(8,4294967303,1,1795816720577,'accepted',NULL,NULL,'rdkjtg3y-000007');
INSERT INTO "events" VALUES(9,4294967304,1,1795816720577,'accepted',NULL,NULL,'rdkjtg3y-000008');
INSERT INTO "events" VALUES(10,NULL,1,1795816720587,'run','finished',NULL,NULL);
INSERT INTO "events" VALUES(11,NULL,2,1795816722727,'run','sending',NULL,NULL);
INSERT INTO "events" VALUES(12,NULL,2,1795816722974,'run','paused','8 messages wait for the person''s hours, the first until 2026-11-28 08:00 UTC',NULL);
INSERT INTO "events" VALUES(13,NULL,3,1795816724009,'run','sending',NULL,NULL);
INSERT INTO "events" VALUES(14,12884901889,3,1795816724009,'unknown',NULL,'the answer did not come',NULL);
INSERT INTO "events" VALUES(15,12884901890,3,1795816724009,'rejected','21211','not a valid number',NULL);
INSERT INTO "events" VALUES(16,12884901891,3,1795816724009,'not_sent','503',NULL,NULL);
INSERT INTO "events" VALUES(17,12884901892,3,1795816724009,'accepted',NULL,NULL,'SM1');
CREATE TABLE messages (
	id INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	occasion INTEGER NOT NULL, 
	line BIGINT NOT NULL, 
	cell TEXT, 
	address TEXT, 
	person BIGINT, 
	country TEXT, 
	state TEXT NOT NULL, 
	reason TEXT, 
	detail TEXT, 
	body TEXT, 
	encoding TEXT, 
	units INTEGER, 
	parts SMALLINT, 
	cost BIGINT, 
	currency TEXT, 
	variant TEXT, 
	attempts SMALLINT DEFAULT '0' NOT NULL, 
	due_at BIGINT, 
	claimed_at BIGINT, 
	settled_at BIGINT, 
	gateway_id TEXT, 
	code TEXT, 
	clock INTEGER, 
	sender TEXT, 
	rule TEXT, 
	consent_until BIGINT, 
	consent TEXT, 
	PRIMARY KEY (id), 
	CONSTRAINT messages_claimed CHECK (CASE WHEN claimed_at IS NULL THEN state = 'planned' OR state = 'skipped' OR state = 'expired' OR state = 'cancelled' ELSE state = 'submitting' OR state = 'accepted' OR state = 'rejected' OR state = 'unknown' END)
);
INSERT INTO "messages" VALUES(4294967297,1,1,2,NULL,'+447911123410',447911123410,'GG','accepted',NULL,NULL,'Hi Ann 10, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,1,NULL,1795816720411,1795816720542,'rdkjtg3y-000001',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(4294967298,1,1,3,NULL,'+447911123411',447911123411,'GG','accepted',NULL,NULL,'Hi Ann 11, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,1,NULL,1795816720411,1795816720546,'rdkjtg3y-000002',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(4294967299,1,1,4,NULL,NULL,NULL,'GG','accepted',NULL,NULL,NULL,'GSM-7',54,1,40000000,'GBP',NULL,1,NULL,1795816720542,1795816720569,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(4294967300,1,1,5,NULL,'+447911123413',447911123413,'GG','accepted',NULL,NULL,'Hi Ann 13, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,1,NULL,1795816720542,1795816720569,'rdkjtg3y-000004',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(4294967301,1,1,6,NULL,'+447911123414',447911123414,'GG','accepted',NULL,NULL,'Hi Ann 14, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,1,NULL,1795816720542,1795816720569,'rdkjtg3y-000005',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(4294967302,1,1,7,NULL,'+447911123415',447911123415,'GG','accepted',NULL,NULL,'Hi Ann 15, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,1,NULL,1795816720546,1795816720577,'rdkjtg3y-000006',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(4294967303,1,1,8,NULL,'+447911123416',447911123416,'GG','accepted',NULL,NULL,'Hi Ann 16, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,1,NULL,1795816720546,1795816720577,'rdkjtg3y-000007',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(4294967304,1,1,9,NULL,'+447911123417',447911123417,'GG','accepted',NULL,NULL,'Hi Ann 17, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,1,NULL,1795816720546,1795816720577,'rdkjtg3y-000008',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(4294967305,1,1,10,'not a number',NULL,-1,NULL,'skipped','invalid-number','letters in the number',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(4294967306,1,1,11,NULL,'+447911123410',447911123410,'GG','skipped','duplicate',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(8589934593,2,2,2,NULL,'+447911123410',447911123410,'GG','planned','quiet-hours',NULL,'Hi Ann 10, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,1795852800000,NULL,NULL,NULL,NULL,1,NULL,'campaign-window',NULL,NULL);
INSERT INTO "messages" VALUES(8589934594,2,2,3,NULL,'+447911123411',447911123411,'GG','planned','quiet-hours',NULL,'Hi Ann 11, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,1795852800000,NULL,NULL,NULL,NULL,1,NULL,'campaign-window',NULL,NULL);
INSERT INTO "messages" VALUES(8589934595,2,2,4,NULL,NULL,NULL,'GG','skipped','erased',NULL,NULL,'GSM-7',54,1,40000000,'GBP',NULL,0,NULL,NULL,1795816725058,NULL,NULL,NULL,NULL,'erasure',NULL,NULL);
INSERT INTO "messages" VALUES(8589934596,2,2,5,NULL,'+447911123413',447911123413,'GG','planned','quiet-hours',NULL,'Hi Ann 13, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,1795852800000,NULL,NULL,NULL,NULL,1,NULL,'campaign-window',NULL,NULL);
INSERT INTO "messages" VALUES(8589934597,2,2,6,NULL,'+447911123414',447911123414,'GG','planned','quiet-hours',NULL,'Hi Ann 14, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,1795852800000,NULL,NULL,NULL,NULL,1,NULL,'campaign-window',NULL,NULL);
INSERT INTO "messages" VALUES(8589934598,2,2,7,NULL,'+447911123415',447911123415,'GG','planned','quiet-hours',NULL,'Hi Ann 15, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,1795852800000,NULL,NULL,NULL,NULL,1,NULL,'campaign-window',NULL,NULL);
INSERT INTO "messages" VALUES(8589934599,2,2,8,NULL,'+447911123416',447911123416,'GG','planned','quiet-hours',NULL,'Hi Ann 16, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,1795852800000,NULL,NULL,NULL,NULL,1,NULL,'campaign-window',NULL,NULL);
INSERT INTO "messages" VALUES(8589934600,2,2,9,NULL,'+447911123417',447911123417,'GG','planned','quiet-hours',NULL,'Hi Ann 17, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,1795852800000,NULL,NULL,NULL,NULL,1,NULL,'campaign-window',NULL,NULL);
INSERT INTO "messages" VALUES(8589934601,2,2,10,'not a number',NULL,-1,NULL,'skipped','invalid-number','letters in the number',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(8589934602,2,2,11,NULL,'+447911123410',447911123410,'GG','skipped','duplicate',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(12884901889,3,3,2,NULL,'+447911123410',447911123410,'GG','unknown',NULL,'the answer did not come','Hi Ann 10, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,1,NULL,1795816724009,1795816724009,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(12884901890,3,3,3,NULL,'+447911123411',447911123411,'GG','rejected',NULL,'not a valid number','Hi Ann 11, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,1,NULL,1795816724009,1795816724009,NULL,'21211',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(12884901891,3,3,4,NULL,NULL,NULL,'GG','skipped','erased',NULL,NULL,'GSM-7',54,1,40000000,'GBP',NULL,1,NULL,NULL,1795816725058,NULL,'503',NULL,NULL,'erasure',NULL,NULL);
INSERT INTO "messages" VALUES(12884901892,3,3,5,NULL,'+447911123413',447911123413,'GG','accepted',NULL,NULL,'Hi Ann 13, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,1,NULL,1795816724009,1795816724009,'SM1',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(12884901893,3,3,6,NULL,'+447911123414',447911123414,'GG','submitting',NULL,NULL,'Hi Ann 14, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,1,NULL,1795816724009,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(12884901894,3,3,7,NULL,'+447911123415',447911123415,'GG','planned',NULL,NULL,'Hi Ann 15, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(12884901895,3,3,8,NULL,'+447911123416',447911123416,'GG','planned',NULL,NULL,'Hi Ann 16, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(12884901896,3,3,9,NULL,'+447911123417',447911123417,'GG','planned',NULL,NULL,'Hi Ann 17, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(12884901897,3,3,10,'not a number',NULL,-1,NULL,'skipped','invalid-number','letters in the number',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(12884901898,3,3,11,NULL,'+447911123410',447911123410,'GG','skipped','duplicate',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(17179869185,4,4,2,NULL,'+447911123410',447911123410,'GG','planned',NULL,NULL,'Hi Ann 10, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(17179869186,4,4,3,NULL,'+447911123411',447911123411,'GG','planned',NULL,NULL,'Hi Ann 11, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(17179869187,4,4,4,NULL,NULL,NULL,'GG','skipped','erased',NULL,NULL,'GSM-7',54,1,40000000,'GBP',NULL,0,NULL,NULL,1795816725058,NULL,NULL,NULL,NULL,'erasure',NULL,NULL);
INSERT INTO "messages" VALUES(17179869188,4,4,5,NULL,'+447911123413',447911123413,'GG','planned',NULL,NULL,'Hi Ann 13, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(17179869189,4,4,6,NULL,'+447911123414',447911123414,'GG','planned',NULL,NULL,'Hi Ann 14, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(17179869190,4,4,7,NULL,'+447911123415',447911123415,'GG','planned',NULL,NULL,'Hi Ann 15, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(17179869191,4,4,8,NULL,'+447911123416',447911123416,'GG','planned',NULL,NULL,'Hi Ann 16, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(17179869192,4,4,9,NULL,'+447911123417',447911123417,'GG','planned',NULL,NULL,'Hi Ann 17, 20% off until Sunday. Reply STOP to opt out','GSM-7',54,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(17179869193,4,4,10,'not a number',NULL,-1,NULL,'skipped','invalid-number','letters in the number',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(17179869194,4,4,11,NULL,'+447911123410',447911123410,'GG','skipped','duplicate',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(21474836481,5,5,2,NULL,'+447911123410',447911123410,'GG','planned',NULL,NULL,'Hi Ann 10, 20% off until Sunday.','GSM-7',32,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(21474836482,5,5,3,NULL,'+447911123411',447911123411,'GG','planned',NULL,NULL,'Hi Ann 11, 20% off until Sunday.','GSM-7',32,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(21474836483,5,5,4,NULL,NULL,NULL,'GG','skipped','erased',NULL,NULL,'GSM-7',32,1,40000000,'GBP',NULL,0,NULL,NULL,1795816725058,NULL,NULL,NULL,NULL,'erasure',NULL,NULL);
INSERT INTO "messages" VALUES(21474836484,5,5,5,NULL,'+447911123413',447911123413,'GG','planned',NULL,NULL,'Hi Ann 13, 20% off until Sunday.','GSM-7',32,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(21474836485,5,5,6,NULL,'+447911123414',447911123414,'GG','planned',NULL,NULL,'Hi Ann 14, 20% off until Sunday.','GSM-7',32,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(21474836486,5,5,7,NULL,'+447911123415',447911123415,'GG','planned',NULL,NULL,'Hi Ann 15, 20% off until Sunday.','GSM-7',32,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(21474836487,5,5,8,NULL,'+447911123416',447911123416,'GG','planned',NULL,NULL,'Hi Ann 16, 20% off until Sunday.','GSM-7',32,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(21474836488,5,5,9,NULL,'+447911123417',447911123417,'GG','planned',NULL,NULL,'Hi Ann 17, 20% off until Sunday.','GSM-7',32,1,40000000,'GBP',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(21474836489,5,5,10,'not a number',NULL,-1,NULL,'skipped','invalid-number','letters in the number',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "messages" VALUES(21474836490,5,5,11,NULL,'+447911123410',447911123410,'GG','skipped','duplicate',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE occasions (
	number INTEGER NOT NULL, 
	campaign TEXT NOT NULL, 
	occurrence TEXT NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "occasions" VALUES(1,'spring-sale','once');
INSERT INTO "occasions" VALUES(2,'held','once');
INSERT INTO "occasions" VALUES(3,'broken','once');
INSERT INTO "occasions" VALUES(4,'planned','once');
INSERT INTO "occasions" VALUES(5,'codes','once');
CREATE TABLE paces (
	"key" TEXT NOT NULL, 
	next_at BIGINT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE runs (
	number INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	campaign TEXT NOT NULL, 
	occasion INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	state_reason TEXT, 
	campaign_file TEXT, 
	contacts_file TEXT, 
	contacts_fingerprint TEXT, 
	gateway TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	sender TEXT, 
	purpose TEXT, 
	digest TEXT, 
	rows_read BIGINT, 
	created_at BIGINT NOT NULL, 
	planned_at BIGINT, 
	started_at BIGINT, 
	finished_at BIGINT, 
	not_before BIGINT, 
	expires_at BIGINT, 
	summary TEXT, 
	sending TEXT, 
	totals TEXT, 
	changes INTEGER DEFAULT '0' NOT NULL, 
	programme TEXT, 
	subject TEXT, 
	PRIMARY KEY (number), 
	UNIQUE (id)
);
INSERT INTO "runs" VALUES(1,'rdkjtg3y','spring-sale',1,'finished',NULL,'/tmp/acme/sale.yaml','/tmp/acme/people.csv','2c9c1eddfc851a6cd50051d913e73927bb7b4c883a04b190e0830be37dd01832','outbox','sms',NULL,'marketing','78133ec67f2438d2364b370fcaf1adc6b259e42ee599d7027b0dcf9ca1919d12',10,1795816719027,1795816719712,1795816720099,1795816720587,NULL,NULL,'{"objective":"Tell gold customers about the sale","occurrence":"once","zone":null,"contacts":{"file":"people.csv","format":"csv","encoding":"utf-8","encoding_guessed":false,"delimiter":",","blank_rows":0,"read_as":{"phone":["mobile"]}},"basis":{"campaign":{"message":"digest:ec53b181a1bc1dbd","purpose":"marketing","contacts":"people.csv","gateway":"outbox"},"settings":{"region":"GB","rates":"digest:0f14f075c9547ddb"},"gateway":{}},"where":null,"limit":null,"programme":null,"consent":"assumed","waivers":[],"senders":{},"rated":true,"seconds":null,"leaving":{"going":8,"expired":0,"late":0,"never":0,"unknown_zone":0,"finishes_at":null},"rows":10,"recipients":8,"excluded":{"invalid-number":1,"duplicate":1},"countries":{"GG":8},"encodings":{"GSM-7":8},"parts":{"1":8},"total_parts":8,"repairs":{},"variants":{},"replaced":0,"cost":{"GBP":320000000},"unpriced":0,"unpriced_countries":{},"samples":[{"line":2,"number":"+447911123410","country":"GG","body":"Hi Ann 10, 20% off until Sunday. Reply STOP to opt out","ucs2":false,"units":54,"parts":1,"cost":40000000,"currency":"GBP","variant":null,"sender":null}],"clock":null,"no_hours":["GG"],"time_zone_data":"2026f (packaged)","over_budget":null,"warnings":[],"digests":{"recipients":"a8a6eb1a6ef10a706ae0c0c0fafbd3ffaa8b8b481daa36ec3dc54b75e59b23067c9778fb230e9652a2ead5246bf5fbac4510c3d2904341139c16670a2a1447f8","texts":"0c799f978d2cabb9a9e0a3a51b0a107e2626b5e4ff588f3585eb45abc3c84f9ba6d3b3950f45a7c329198f14af86ca47acc911f6bf83b481d1aa24f9c798de7e","settings":"11474f282ea85a7ab73f854263a817a07f7b77f152d103e22b0d52c58564e8fc"}}','{"media":[],"delivers":false,"instead":"written to a file","consent":{"required":false,"as_of":1795816717715}}','{"shape":2,"states":{"accepted":[8,8,{"GBP":320000000},0],"skipped":[2,0,{},2]},"reasons":{"skipped":{"duplicate":1,"invalid-number":1}},"codes":{},"sentences":{},"countries":{"GG":{"accepted":[8,8,{"GBP":320000000},0]}},"variants":{},"senders":{"":{"accepted":[8,8,{"GBP":320000000},0]}}}',3,'',NULL);
INSERT INTO "runs" VALUES(2,'rrrwbw4z','held',2,'paused','8 messages wait for the person''s hours, the first until 2026-11-28 08:00 UTC','/tmp/acme/held.yaml','/tmp/acme/people.csv','2c9c1eddfc851a6cd50051d913e73927bb7b4c883a04b190e0830be37dd01832','outbox','sms',NULL,'marketing','cd2a5241cce4d06674b4cc842b920d67f3e6401e06527640551f2fd8886aa330',10,1795816721275,1795816722269,1795816722727,NULL,NULL,NULL,'{"objective":"Tell gold customers about the sale","occurrence":"once","zone":null,"contacts":{"file":"people.csv","format":"csv","encoding":"utf-8","encoding_guessed":false,"delimiter":",","blank_rows":0,"read_as":{"phone":["mobile"]}},"basis":{"campaign":{"message":"digest:ec53b181a1bc1dbd","purpose":"marketing","contacts":"people.csv","schedule.timezone":"recipient","schedule.window":"08:00-09:00","gateway":"outbox"},"settings":{"region":"GB","rates":"digest:0f14f075c9547ddb"},"gateway":{}},"where":null,"limit":null,"programme":null,"consent":"assumed","waivers":[],"senders":{},"rated":true,"seconds":null,"leaving":{"going":8,"expired":0,"late":0,"never":0,"unknown_zone":0,"finishes_at":1795852800000},"rows":10,"recipients":8,"excluded":{"invalid-number":1,"duplicate":1},"countries":{"GG":8},"encodings":{"GSM-7":8},"parts":{"1":8},"total_parts":8,"repairs":{},"variants":{},"replaced":0,"cost":{"GBP":320000000},"unpriced":0,"unpriced_countries":{},"samples":[{"line":2,"number":"+447911123410","country":"GG","body":"Hi Ann 10, 20% off until Sunday. Reply STOP to opt out","ucs2":false,"units":54,"parts":1,"cost":40000000,"currency":"GBP","variant":null,"sender":null}],"clock":{"at":1795816720975,"open":0,"held":8,"unknown_zone":0,"expires_first":0,"openings":[{"until":1795852800000,"messages":8,"zones":["Europe/Guernsey"],"rules":["campaign-window"]}],"place_problems":0},"no_hours":[],"time_zone_data":"2026f (packaged)","over_budget":null,"warnings":[],"digests":{"recipients":"a8a6eb1a6ef10a706ae0c0c0fafbd3ffaa8b8b481daa36ec3dc54b75e59b23067c9778fb230e9652a2ead5246bf5fbac4510c3d2904341139c16670a2a1447f8","texts":"0c799f978d2cabb9a9e0a3a51b0a107e2626b5e4ff588f3585eb45abc3c84f9ba6d3b3950f45a7c329198f14af86ca47acc911f6bf83b481d1aa24f9c798de7e","settings":"ef129e4feed1d1790a5904fb4a0ac598a356dc4d76cf0cbe1cd1395e0decbac4"}}','{"media":[],"delivers":false,"instead":"written to a file","consent":{"required":false,"as_of":1795816720975}}','{"shape":2,"states":{"planned":[7,7,{"GBP":280000000},0],"skipped":[3,1,{"GBP":40000000},2]},"reasons":{"planned":{"quiet-hours":7},"skipped":{"duplicate":1,"erased":1,"invalid-number":1}},"codes":{},"sentences":{},"countries":{"GG":{"planned":[7,7,{"GBP":280000000},0]}},"variants":{},"senders":{"":{"planned":[7,7,{"GBP":280000000},0]}}}',3,'',NULL);
INSERT INTO "runs" VALUES(3,'rmczcftr','broken',3,'sending',NULL,'/tmp/acme/broken.yaml','/tmp/acme/people.csv','2c9c1eddfc851a6cd50051d913e73927bb7b4c883a04b190e0830be37dd01832','outbox','sms',NULL,'marketing','e8702cad51bb94af59d5e7d36df1e5eced74881df4c221fe54461ea2ba9c6008',10,1795816723615,1795816723894,1795816724009,NULL,NULL,NULL,'{"objective":"Tell gold customers about the sale","occurrence":"once","zone":null,"contacts":{"file":"people.csv","format":"csv","encoding":"utf-8","encoding_guessed":false,"delimiter":",","blank_rows":0,"read_as":{"phone":["mobile"]}},"basis":{"campaign":{"message":"digest:ec53b181a1bc1dbd","purpose":"marketing","contacts":"people.csv","gateway":"outbox"},"settings":{"region":"GB","rates":"digest:0f14f075c9547ddb"},"gateway":{}},"where":null,"limit":null,"programme":null,"consent":"assumed","waivers":[],"senders":{},"rated":true,"seconds":null,"leaving":{"going":8,"expired":0,"late":0,"never":0,"unknown_zone":0,"finishes_at":null},"rows":10,"recipients":8,"excluded":{"invalid-number":1,"duplicate":1},"countries":{"GG":8},"encodings":{"GSM-7":8},"parts":{"1":8},"total_parts":8,"repairs":{},"variants":{},"replaced":0,"cost":{"GBP":320000000},"unpriced":0,"unpriced_countries":{},"samples":[{"line":2,"number":"+447911123410","country":"GG","body":"Hi Ann 10, 20% off until Sunday. Reply STOP to opt out","ucs2":false,"units":54,"parts":1,"cost":40000000,"currency":"GBP","variant":null,"sender":null}],"clock":null,"no_hours":["GG"],"time_zone_data":"2026f (packaged)","over_budget":null,"warnings":[],"digests":{"recipients":"a8a6eb1a6ef10a706ae0c0c0fafbd3ffaa8b8b481daa36ec3dc54b75e59b23067c9778fb230e9652a2ead5246bf5fbac4510c3d2904341139c16670a2a1447f8","texts":"0c799f978d2cabb9a9e0a3a51b0a107e2626b5e4ff588f3585eb45abc3c84f9ba6d3b3950f45a7c329198f14af86ca47acc911f6bf83b481d1aa24f9c798de7e","settings":"ab1748d2e1f6bf612aae369493e392d28307225d5cb2cb659f3564dbb414f050"}}','{"media":[],"delivers":false,"instead":"written to a file","consent":{"required":false,"as_of":1795816723407}}',NULL,2,'',NULL);
INSERT INTO "runs" VALUES(4,'r9gx76z7','planned',4,'planned',NULL,'/tmp/acme/planned.yaml','/tmp/acme/people.csv','2c9c1eddfc851a6cd50051d913e73927bb7b4c883a04b190e0830be37dd01832','outbox','sms',NULL,'marketing','d3e163a60e60d8dbcd6054fbe0d11907061ea27894affc27a173166eb0e44bf5',10,1795816724482,1795816724594,NULL,NULL,NULL,NULL,'{"objective":"Tell gold customers about the sale","occurrence":"once","zone":null,"contacts":{"file":"people.csv","format":"csv","encoding":"utf-8","encoding_guessed":false,"delimiter":",","blank_rows":0,"read_as":{"phone":["mobile"]}},"basis":{"campaign":{"message":"digest:ec53b181a1bc1dbd","purpose":"marketing","contacts":"people.csv","gateway":"outbox"},"settings":{"region":"GB","rates":"digest:0f14f075c9547ddb"},"gateway":{}},"where":null,"limit":null,"programme":null,"consent":"assumed","waivers":[],"senders":{},"rated":true,"seconds":null,"leaving":{"going":8,"expired":0,"late":0,"never":0,"unknown_zone":0,"finishes_at":null},"rows":10,"recipients":8,"excluded":{"invalid-number":1,"duplicate":1},"countries":{"GG":8},"encodings":{"GSM-7":8},"parts":{"1":8},"total_parts":8,"repairs":{},"variants":{},"replaced":0,"cost":{"GBP":320000000},"unpriced":0,"unpriced_countries":{},"samples":[{"line":2,"number":"+447911123410","country":"GG","body":"Hi Ann 10, 20% off until Sunday. Reply STOP to opt out","ucs2":false,"units":54,"parts":1,"cost":40000000,"currency":"GBP","variant":null,"sender":null}],"clock":null,"no_hours":["GG"],"time_zone_data":"2026f (packaged)","over_budget":null,"warnings":[],"digests":{"recipients":"a8a6eb1a6ef10a706ae0c0c0fafbd3ffaa8b8b481daa36ec3dc54b75e59b23067c9778fb230e9652a2ead5246bf5fbac4510c3d2904341139c16670a2a1447f8","texts":"0c799f978d2cabb9a9e0a3a51b0a107e2626b5e4ff588f3585eb45abc3c84f9ba6d3b3950f45a7c329198f14af86ca47acc911f6bf83b481d1aa24f9c798de7e","settings":"f159252c32f257e7911185497565ca413857df0458cce3ae101443f694e8e0f5"}}','{"media":[],"delivers":false,"instead":"written to a file","consent":{"required":false,"as_of":1795816724327}}',NULL,1,'',NULL);
INSERT INTO "runs" VALUES(5,'ry4brwwd','codes',5,'planned',NULL,'/tmp/acme/codes.yaml','/tmp/acme/people.csv','2c9c1eddfc851a6cd50051d913e73927bb7b4c883a04b190e0830be37dd01832','outbox','sms',NULL,'otp','c3cf7f45c09b5503b2ff64cbf6a0170a964c0201e793e152ff3cda9b13bbc34c',10,1795816724753,1795816724898,NULL,NULL,NULL,NULL,'{"objective":"Tell gold customers about the sale","occurrence":"once","zone":null,"contacts":{"file":"people.csv","format":"csv","encoding":"utf-8","encoding_guessed":false,"delimiter":",","blank_rows":0,"read_as":{"phone":["mobile"]}},"basis":{"campaign":{"message":"digest:7cd58e3bcc7efe42","purpose":"otp","contacts":"people.csv","gateway":"outbox"},"settings":{"region":"GB","rates":"digest:0f14f075c9547ddb"},"gateway":{}},"where":null,"limit":null,"programme":null,"consent":null,"waivers":[],"senders":{},"rated":true,"seconds":null,"leaving":{"going":8,"expired":0,"late":0,"never":0,"unknown_zone":0,"finishes_at":null},"rows":10,"recipients":8,"excluded":{"invalid-number":1,"duplicate":1},"countries":{"GG":8},"encodings":{"GSM-7":8},"parts":{"1":8},"total_parts":8,"repairs":{},"variants":{},"replaced":0,"cost":{"GBP":320000000},"unpriced":0,"unpriced_countries":{},"samples":[{"line":2,"number":"+447911123410","country":"GG","body":"(a one-time code is never shown)","ucs2":false,"units":32,"parts":1,"cost":40000000,"currency":"GBP","variant":null,"sender":null}],"clock":null,"no_hours":[],"time_zone_data":"2026f (packaged)","over_budget":null,"warnings":[],"digests":{"recipients":"a8a6eb1a6ef10a706ae0c0c0fafbd3ffaa8b8b481daa36ec3dc54b75e59b23067c9778fb230e9652a2ead5246bf5fbac4510c3d2904341139c16670a2a1447f8","texts":"be7ae44ff3ec8156c52a25c22607877fa14b26e8b36be4e58b2d4acedd7ae5565bf3ea8e28bf9d22738da4ac714a79f889e1aac838487bc1395ec1fa42a16cef","settings":"5d28ee937270ee7e8ba0fa2f2cd51c2ac54d94fb7844f6c7a694ba09cd9fdd29"}}','{"media":[],"delivers":false,"instead":"written to a file"}',NULL,1,'',NULL);
CREATE TABLE senders (
	run INTEGER NOT NULL, 
	token BIGINT NOT NULL, 
	pid BIGINT NOT NULL, 
	host TEXT NOT NULL, 
	process TEXT NOT NULL, 
	beat BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	PRIMARY KEY (run)
);
CREATE TABLE suppressions (
	number INTEGER NOT NULL, 
	address TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	scope_value TEXT DEFAULT '' NOT NULL, 
	source TEXT NOT NULL, 
	reason TEXT, 
	added_at BIGINT NOT NULL, 
	lifted_at BIGINT, 
	lifted_by TEXT, 
	until_at BIGINT, 
	list_name TEXT, 
	as_of BIGINT, 
	PRIMARY KEY (number)
);
INSERT INTO "suppressions" VALUES(1,'#c27656802403ef8814211ddfaf35b2d9b95d385a873cca8a9b894ae401c1638b','everything','','erasure',NULL,1795816725058,NULL,NULL,NULL,NULL,NULL);
CREATE UNIQUE INDEX occasions_name ON occasions (campaign, occurrence);
CREATE UNIQUE INDEX messages_once ON messages (occasion, person) WHERE claimed_at IS NOT NULL;
CREATE INDEX messages_waiting ON messages (run, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX events_message ON events (message);
CREATE UNIQUE INDEX suppressions_active ON suppressions (address, scope, scope_value) WHERE lifted_at IS NULL;
CREATE INDEX suppressions_ending ON suppressions (until_at) WHERE until_at IS NOT NULL;
CREATE INDEX consents_address ON consents (address);
CREATE INDEX contacted_address ON contacted (address, at);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
COMMIT;
