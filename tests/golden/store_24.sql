BEGIN TRANSACTION;
CREATE TABLE alert_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT, cause TEXT NOT NULL, at BIGINT NOT NULL, live_at BIGINT NOT NULL, "by" TEXT NOT NULL,
    reason TEXT NOT NULL);
CREATE TABLE alpha_spendings (
    version BIGINT NOT NULL PRIMARY KEY, champion BIGINT NOT NULL,
    alpha DOUBLE PRECISION NOT NULL, at BIGINT NOT NULL);
CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, prefix TEXT NOT NULL, key_hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL, created_at BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_at BIGINT,
    revoked_by TEXT);
CREATE TABLE api_workers (name TEXT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, said TEXT NOT NULL);
CREATE TABLE batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, at BIGINT NOT NULL, version BIGINT NOT NULL,
    revision BIGINT NOT NULL, latency_ms DOUBLE PRECISION NOT NULL, n_rows BIGINT NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE collections (
    id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, started_at BIGINT NOT NULL, started_by TEXT NOT NULL,
    finished_at BIGINT, n_received BIGINT NOT NULL, n_new BIGINT NOT NULL,
    n_duplicate BIGINT NOT NULL, n_rejected BIGINT NOT NULL, rejected TEXT NOT NULL,
    mapping TEXT NOT NULL, error TEXT);
INSERT INTO "collections" VALUES(1,'demo',1796072510295474,'ada',1796072510325508,300,300,0,0,'[]','{"n_rows":300,"seed":1,"best_mae":2.39079675218846}',NULL);
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event_id BIGINT REFERENCES incident_events (id), channel TEXT NOT NULL,
    label TEXT NOT NULL, state TEXT NOT NULL, created_at BIGINT NOT NULL, due_at BIGINT NOT NULL,
    n_attempts INTEGER NOT NULL, claimed_at BIGINT, finished_at BIGINT, error TEXT,
    UNIQUE (event_id, channel));
CREATE TABLE delivery_progress (event_id BIGINT NOT NULL PRIMARY KEY);
CREATE TABLE deployments (
    revision INTEGER PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL, "by" TEXT NOT NULL, action TEXT NOT NULL,
    reason TEXT NOT NULL, champion BIGINT NOT NULL, challenger BIGINT,
    traffic DOUBLE PRECISION NOT NULL, ab_test TEXT, salt TEXT, override INTEGER NOT NULL,
    evidence TEXT NOT NULL);
INSERT INTO "deployments" VALUES(1,1796072528813822,'ada','deploy','first',1,NULL,0.0,NULL,NULL,0,'{"artifact_hash":"4e354eaebda278995d76aca8e432bc40775f771c33f09786cc39847e3b8ea704","run_id":"d6bc973ea1e34d839de26927590690c4","gate_passed":true,"gate_reasons":["Passed: 60 rows were held out; the intervals rest on 18 days, in runs of 3.","Passed: every score is a number, and they vary by 49.5 points.","Passed: skill is 0.599 (95 % interval 0.433 to 0.685): MAE 3.10 against 7.72 for the heuristic.","Passed: MAE 3.10 against 10.5 for the best constant, the mean of the training rows.","Passed: all rows are generated ones, of the same source.","Passed: no column was found that gives the target away.","Note: trained and evaluated on demo data: the figures describe the generator, not real work.","Note: no version serves yet, so that there was none to compare with."],"mae":{"value":3.0960902370194066,"low":2.7184692370051544,"high":3.372869331294991},"n_holdout":60,"synthetic":true,"summary":"Demo data: Better than the heuristic: MAE 3.10 against 7.72 points on 60 held-out rows, skill 0.599 (95 % interval 0.433 to 0.685)."}');
CREATE TABLE drift_references (
    version BIGINT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, body TEXT NOT NULL);
CREATE TABLE drift_reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT, version BIGINT NOT NULL, at BIGINT NOT NULL, to_at BIGINT NOT NULL,
    body TEXT NOT NULL);
CREATE TABLE erasures (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL, "by" TEXT NOT NULL, reason TEXT NOT NULL, found TEXT NOT NULL,
    old_files TEXT NOT NULL);
CREATE TABLE feedback_progress (
    label_id BIGINT NOT NULL PRIMARY KEY, prediction_seq BIGINT NOT NULL);
CREATE TABLE health_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL, health TEXT NOT NULL, reasons TEXT NOT NULL);
CREATE TABLE history (
    sample_id INTEGER NOT NULL PRIMARY KEY, maker_id BIGINT NOT NULL, at BIGINT NOT NULL,
    known_at BIGINT NOT NULL, quality DOUBLE PRECISION NOT NULL, csat DOUBLE PRECISION,
    origin DOUBLE PRECISION, n BIGINT, total DOUBLE PRECISION, squares DOUBLE PRECISION,
    n_csat BIGINT, csat_total DOUBLE PRECISION, seen_at BIGINT);
INSERT INTO "history" VALUES(1,1,1788304085282664,1788304085282664,79.6793907448274,0.81,79.6793907448274,1,0.0,0.0,1,0.81,1788304085282664);
INSERT INTO "history" VALUES(2,2,1788326516282664,1788326516282664,6.67778588027644275353e+01,0.693,6.67778588027644275353e+01,1,0.0,0.0,1,0.693,1788326516282664);
INSERT INTO "history" VALUES(3,3,1788388120282664,1788388120282664,6.56318439402954112438e+01,0.54,6.56318439402954112438e+01,1,0.0,0.0,1,0.54,1788388120282664);
INSERT INTO "history" VALUES(4,1,1788446298282664,1788446298282664,8.85451599479255406759e+01,0.452,79.6793907448274,2,8.86576920309814,7.86018635626034125598e+01,2,1.262,1788446298282664);
INSERT INTO "history" VALUES(5,4,1788493299282664,1788493299282664,6.53554178963050276269e+01,0.654,6.53554178963050276269e+01,1,0.0,0.0,1,0.654,1788493299282664);
INSERT INTO "history" VALUES(6,3,1788516649282664,1788516649282664,5.01355616619172579379e+01,0.621,6.56318439402954112438e+01,2,-1.5496282278378153308e+01,2.40134764451176806686e+02,2,1.161,1788516649282664);
INSERT INTO "history" VALUES(7,3,1788517361282664,1788517361282664,74.7727124156493,0.876,6.56318439402954112438e+01,3,-6.35541380302427,3.23690240934895257386e+02,3,2.037,1788517361282664);
INSERT INTO "history" VALUES(8,2,1788530370282664,1788530370282664,7.39813595586037422427e+01,0.666,6.67778588027644275353e+01,2,7.20350075583931470646e+00,5.18904231393775816627e+01,2,1.359,1788530370282664);
INSERT INTO "history" VALUES(9,3,1788568921282664,1788568921282664,6.79551413394886196775e+01,0.559,6.56318439402954112438e+01,4,-4.03211640383106129092e+00,3.29087951739993172855e+02,4,2.596,1788568921282664);
INSERT INTO "history" VALUES(10,4,1788572859282664,1788572859282664,6.59670784984894140743e+01,0.5,6.53554178963050276269e+01,2,6.11660602184386448243e-01,3.7412869226456624272e-01,2,1.154,1788572859282664);
INSERT INTO "history" VALUES(11,5,1788579005282664,1788579005282664,7.60808683533820868678e+01,NULL,7.60808683533820868678e+01,1,0.0,0.0,0,0.0,1788579005282664);
INSERT INTO "history" VALUES(12,3,1788582809282664,1788582809282664,7.61814110074170827138e+01,0.738,6.56318439402954112438e+01,5,6.51745066329061,4.40381317043691296927e+02,5,3.334,1788582809282664);
INSERT INTO "history" VALUES(13,3,1788585275282664,1788585275282664,6.46286747092246827151e+01,0.528,6.56318439402954112438e+01,6,5.51428143221988165123e+00,4.41387665549858354552e+02,6,3.862,1788585275282664);
INSERT INTO "history" VALUES(14,1,1788594664282664,1788594664282664,7.0844985450088870495e+01,0.71,79.6793907448274,3,3.13639083596086720717e-02,1.56648580474307607345e+02,3,1.972,1788594664282664);
INSERT INTO "history" VALUES(15,2,1788628589282664,1788628589282664,7.44638917221782179476e+01,NULL,6.67778588027644275353e+01,3,1.4889533675253105116e+01,1.10965525177690054197e+02,2,1.359,1788628589282664);
INSERT INTO "history" VALUES(16,6,1788653029282664,1788653029282664,6.21369459442941192168e+01,0.687,6.21369459442941192168e+01,1,0.0,0.0,1,0.687,1788653029282664);
INSERT INTO "history" VALUES(17,1,1788669530282664,1788669530282664,8.20521724780557804024e+01,0.666,79.6793907448274,4,2.404145641587987825e+00,1.62278673627849883594e+02,4,2.638,1788669530282664);
INSERT INTO "history" VALUES(18,3,1788681704282664,1788681704282664,6.50238130650731278609e+01,0.694,6.56318439402954112438e+01,7,4.90625055699759826666e+00,4.41757367095081917782e+02,7,4.556,1788681704282664);
INSERT INTO "history" VALUES(19,4,1788695812282664,1788695812282664,6.11212719673687843169e+01,0.456,6.53554178963050276269e+01,3,-3.62248532675185686002e+00,1.83021204397919277084e+01,3,1.60999999999999987565e+00,1788695812282664);
INSERT INTO "history" VALUES(20,4,1788709364282664,1788709364282664,6.72563020765096268843e+01,0.421,6.53554178963050276269e+01,4,-1.72160114654725759919e+00,2.19154811063440391194e+01,4,2.03099999999999969446e+00,1788709364282664);
CREATE TABLE history_makers (
    id INTEGER PRIMARY KEY AUTOINCREMENT, synthetic INTEGER NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL,
    collection_id BIGINT NOT NULL, wrong_from BIGINT,
    UNIQUE (synthetic, provider, model, collection_id));
INSERT INTO "history_makers" VALUES(1,1,'anthropic','claude-large',0,NULL);
INSERT INTO "history_makers" VALUES(2,1,'mistral','mistral-small',0,NULL);
INSERT INTO "history_makers" VALUES(3,1,'anthropic','claude-small',0,NULL);
INSERT INTO "history_makers" VALUES(4,1,'mistral','mistral-large',0,NULL);
INSERT INTO "history_makers" VALUES(5,1,'openai','gpt-large',0,NULL);
INSERT INTO "history_makers" VALUES(6,1,'openai','gpt-small',0,NULL);
CREATE TABLE incident_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, incident_id BIGINT NOT NULL REFERENCES incidents (id), at BIGINT NOT NULL,
    kind TEXT NOT NULL, severity TEXT NOT NULL, message TEXT NOT NULL, "by" TEXT NOT NULL,
    until_at BIGINT, cause TEXT);
CREATE TABLE incidents (id INTEGER PRIMARY KEY AUTOINCREMENT, cause TEXT NOT NULL, opened_at BIGINT NOT NULL);
CREATE TABLE job_lines (
    id INTEGER PRIMARY KEY AUTOINCREMENT, job_id BIGINT NOT NULL REFERENCES jobs (id), at BIGINT NOT NULL, line TEXT NOT NULL);
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, args TEXT NOT NULL, status TEXT NOT NULL,
    requested_at BIGINT NOT NULL, requested_by TEXT NOT NULL, reason TEXT NOT NULL,
    started_at BIGINT, heartbeat_at BIGINT, finished_at BIGINT, pid INTEGER,
    progress DOUBLE PRECISION NOT NULL, message TEXT NOT NULL, result TEXT, error TEXT,
    cancel_requested_by TEXT);
INSERT INTO "jobs" VALUES(1,'demo','{"n_rows":300,"seed":1}','done',1796072509513866,'ada','demo data',1796072509516845,1796072510336289,1796072510505786,22232,1.0,'done','{"id":1,"source":"demo","started_at":"2026-11-30T21:01:50.295474Z","started_by":"ada","finished_at":"2026-11-30T21:01:50.325508Z","n_received":300,"n_new":300,"n_duplicate":0,"n_rejected":0,"rejected":[],"mapping":{"n_rows":300,"seed":1,"best_mae":2.39079675218846},"error":null,"best_mae":2.39079675218846}',NULL,NULL);
INSERT INTO "jobs" VALUES(2,'train','{"recipe":"baseline","seed":0,"overrides":null,"leave_out":[],"objective":"squared","window":"auto","search":"grid"}','done',1796072514275325,'ada','train baseline',1796072514283748,1796072522335101,1796072523336760,22280,1.0,'done','{"version":"v1","summary":"Demo data: Better than the heuristic: MAE 3.10 against 7.72 points on 60 held-out rows, skill 0.599 (95 % interval 0.433 to 0.685)."}',NULL,NULL);
CREATE TABLE labels (
    id INTEGER PRIMARY KEY AUTOINCREMENT, prediction_id TEXT NOT NULL, actual DOUBLE PRECISION NOT NULL,
    observed_at BIGINT NOT NULL, given_by TEXT NOT NULL, received_at BIGINT NOT NULL, rating DOUBLE PRECISION);
CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, acquired_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL);
CREATE TABLE maintenance_windows (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL, until_at BIGINT NOT NULL, "by" TEXT NOT NULL,
    reason TEXT NOT NULL);
CREATE TABLE migrations (
	number INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	applied_at BIGINT NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "migrations" VALUES(1,'create_first_tables',1796072509439130);
INSERT INTO "migrations" VALUES(2,'create_sources',1796072509439130);
INSERT INTO "migrations" VALUES(3,'create_trial_tables',1796072509439130);
INSERT INTO "migrations" VALUES(4,'create_feedback_progress',1796072509439130);
INSERT INTO "migrations" VALUES(5,'create_replays',1796072509439130);
INSERT INTO "migrations" VALUES(6,'create_history',1796072509439130);
INSERT INTO "migrations" VALUES(7,'create_alpha_spendings',1796072509439130);
INSERT INTO "migrations" VALUES(8,'create_drift_tables',1796072509439130);
INSERT INTO "migrations" VALUES(9,'create_watched_files',1796072509439130);
INSERT INTO "migrations" VALUES(10,'create_notifications',1796072509439130);
INSERT INTO "migrations" VALUES(11,'add_ratings',1796072509439130);
INSERT INTO "migrations" VALUES(12,'create_erasures',1796072509439130);
INSERT INTO "migrations" VALUES(13,'create_notes',1796072509439130);
INSERT INTO "migrations" VALUES(14,'create_trial_checkpoints',1796072509439130);
INSERT INTO "migrations" VALUES(15,'create_removals',1796072509439130);
INSERT INTO "migrations" VALUES(16,'add_incident_checks',1796072509439130);
INSERT INTO "migrations" VALUES(17,'create_api_workers',1796072509439130);
INSERT INTO "migrations" VALUES(18,'put_times_before_keys',1796072509439130);
INSERT INTO "migrations" VALUES(19,'create_watched_attempts',1796072509439130);
INSERT INTO "migrations" VALUES(20,'create_widenings',1796072509439130);
INSERT INTO "migrations" VALUES(21,'create_batches',1796072509439130);
INSERT INTO "migrations" VALUES(22,'name_history_makers',1796072509439130);
INSERT INTO "migrations" VALUES(23,'create_alert_rules',1796072509439130);
INSERT INTO "migrations" VALUES(24,'create_sessions',1796072509439130);
CREATE TABLE notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, version BIGINT NOT NULL REFERENCES versions (number), kind TEXT NOT NULL,
    text TEXT NOT NULL, at BIGINT NOT NULL, "by" TEXT NOT NULL, mirrored_at BIGINT);
CREATE TABLE predictions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, at BIGINT NOT NULL, version BIGINT NOT NULL,
    variant TEXT NOT NULL, source TEXT NOT NULL, reason TEXT, score DOUBLE PRECISION,
    low DOUBLE PRECISION, high DOUBLE PRECISION, features TEXT NOT NULL, text TEXT, unit_id TEXT,
    latency_ms DOUBLE PRECISION NOT NULL, revision BIGINT NOT NULL, event_at BIGINT);
CREATE TABLE quality_reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL, n_rows BIGINT NOT NULL, issues TEXT NOT NULL,
    columns TEXT NOT NULL);
INSERT INTO "quality_reports" VALUES(1,1796072510337172,300,'[{"code":"synthetic_rows","severity":"warning","column":null,"n_rows":300,"message":"All 300 rows are generated: what is trained on them shows how the tool works and says nothing about your work. Import labelled rows of your own."},{"code":"missing_values","severity":"info","column":"csat","n_rows":37,"message":"''csat'' is missing in 37 rows (12%): they are filled in by a guess, which is fine for so few."},{"code":"missing_values","severity":"info","column":"testCoverage","n_rows":10,"message":"''testCoverage'' is missing in 10 rows (3%): they are filled in by a guess, which is fine for so few."}]','[{"name":"target","kind":"number","n_missing":0,"n_distinct":300,"low":36.885370926737146,"mean":72.51686263766396,"high":99.93943805670712,"top":"36.885370926737146","top_share":0.0033333333333333335,"shape":[2,3,6,17,36,40,59,40,47,36,10,4]},{"name":"action_type","kind":"category","n_missing":0,"n_distinct":4,"low":null,"mean":null,"high":null,"top":"generate","top_share":0.37333333333333335,"shape":[112,88,51,49]},{"name":"codeQuality","kind":"number","n_missing":0,"n_distinct":232,"low":21.1,"mean":67.39233333333334,"high":100.0,"top":"49.1","top_share":0.01,"shape":[3,1,9,15,24,45,56,42,38,33,23,11]},{"name":"complexity","kind":"number","n_missing":0,"n_distinct":233,"low":0.0,"mean":44.47566666666667,"high":86.7,"top":"48.9","top_share":0.013333333333333334,"shape":[6,9,13,29,44,41,43,42,38,21,8,6]},{"name":"csat","kind":"number","n_missing":37,"n_distinct":198,"low":0.161,"mean":0.7070304182509505,"high":1.0,"top":"1","top_share":0.030418250950570342,"shape":[1,1,2,13,14,28,33,46,47,30,25,23]},{"name":"maintainability","kind":"number","n_missing":0,"n_distinct":231,"low":20.9,"mean":65.39800000000001,"high":100.0,"top":"69.5","top_share":0.013333333333333334,"shape":[2,3,12,15,35,43,48,56,42,22,15,7]},{"name":"model","kind":"category","n_missing":0,"n_distinct":6,"low":null,"mean":null,"high":null,"top":"claude-large","top_share":0.23,"shape":[69,58,51,47,43,32]},{"name":"performance","kind":"number","n_missing":0,"n_distinct":225,"low":18.8,"mean":66.74199999999999,"high":100.0,"top":"100","top_share":0.02666666666666667,"shape":[2,2,8,17,27,54,43,39,34,32,23,19]},{"name":"provider","kind":"category","n_missing":0,"n_distinct":3,"low":null,"mean":null,"high":null,"top":"anthropic","top_share":0.38666666666666666,"shape":[116,101,83]},{"name":"security","kind":"number","n_missing":0,"n_distinct":226,"low":35.3,"mean":73.641,"high":100.0,"top":"100","top_share":0.04666666666666667,"shape":[4,6,14,14,31,33,35,45,44,31,18,25]},{"name":"testCoverage","kind":"number","n_missing":10,"n_distinct":238,"low":0.0,"mean":57.37931034482759,"high":100.0,"top":"100","top_share":0.03103448275862069,"shape":[3,9,11,15,28,39,40,40,43,30,14,18]}]');
CREATE TABLE removals (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL, until_at BIGINT NOT NULL, n_predictions BIGINT NOT NULL,
    n_labels BIGINT NOT NULL, n_shadow_scores BIGINT NOT NULL);
CREATE TABLE replays (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL, "by" TEXT NOT NULL, version BIGINT NOT NULL,
    days DOUBLE PRECISION NOT NULL, report TEXT NOT NULL);
CREATE TABLE retraining_decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL, retrain INTEGER NOT NULL, reasons TEXT NOT NULL,
    signals TEXT NOT NULL, job_id BIGINT, "by" TEXT NOT NULL);
CREATE TABLE rollup_progress (
    basis TEXT NOT NULL PRIMARY KEY, prediction_seq BIGINT NOT NULL, label_id BIGINT NOT NULL,
    measured_at BIGINT NOT NULL);
CREATE TABLE rollups (
    seconds INTEGER NOT NULL, start_at BIGINT NOT NULL, version BIGINT NOT NULL,
    source TEXT NOT NULL, n BIGINT NOT NULL, latency TEXT NOT NULL, scores TEXT NOT NULL,
    outcomes TEXT NOT NULL, PRIMARY KEY (seconds, start_at, version, source));
CREATE TABLE runs (
    version BIGINT NOT NULL PRIMARY KEY REFERENCES versions (number), run_id TEXT NOT NULL,
    logged_at BIGINT NOT NULL);
INSERT INTO "runs" VALUES(1,'d6bc973ea1e34d839de26927590690c4',1796072523248256);
CREATE TABLE samples (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,
    collection_id BIGINT NOT NULL REFERENCES collections (id),
    source TEXT NOT NULL, provenance TEXT NOT NULL, external_id TEXT, at BIGINT, group_key TEXT,
    target DOUBLE PRECISION NOT NULL, features TEXT NOT NULL, text TEXT, superseded_at BIGINT, labelled_at BIGINT);
INSERT INTO "samples" VALUES(1,'40065a73fdc0ef68285f2e6d81507a73885f1f354b5186140ae86ef3e99d3852ca96e90de0170cd4',1,'demo','synthetic','demo-1-0',1788304085282664,NULL,79.6793907448274,'{"codeQuality":64.8,"testCoverage":64.2,"security":84.5,"performance":54.4,"maintainability":54.3,"complexity":41.8,"csat":0.81,"provider":"anthropic","model":"claude-large","action_type":"generate"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(2,'40065a7936bed528289825a058ba7cd85eb62d567cbd50fdaf3631c80d3b8c77e60626d734d85599',1,'demo','synthetic','demo-1-1',1788326516282664,NULL,6.67778588027644275353e+01,'{"codeQuality":54.4,"testCoverage":52.1,"security":53.9,"performance":50.2,"maintainability":62.9,"complexity":52.6,"csat":0.693,"provider":"mistral","model":"mistral-small","action_type":"fix"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(3,'40065a878ea14628ae5eea3e2b17f3de23f7691b570b9018f55cf6dfb0e78fc1324390cb7d20939a',1,'demo','synthetic','demo-1-2',1788388120282664,NULL,6.56318439402954112438e+01,'{"codeQuality":89.1,"testCoverage":20.2,"security":56.9,"performance":74.2,"maintainability":77.1,"complexity":43.5,"csat":0.54,"provider":"anthropic","model":"claude-small","action_type":"generate"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(4,'40065a951a4f1aa8acc9e028dd000cb075e79d018aa165ac72f8ccc4cfb5603f564ee2a80e3db9b2',1,'demo','synthetic','demo-1-3',1788446298282664,NULL,8.85451599479255406759e+01,'{"codeQuality":88.6,"testCoverage":88.3,"security":74.3,"performance":61.0,"maintainability":86.4,"complexity":53.0,"csat":0.452,"provider":"anthropic","model":"claude-large","action_type":"refactor"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(5,'40065aa00bc972e8f4bb16c045eb4eb36d66badd3a9a757236f3c628cb5f8127e4da694905bde640',1,'demo','synthetic','demo-1-4',1788493299282664,NULL,6.53554178963050276269e+01,'{"codeQuality":46.2,"testCoverage":33.7,"security":85.8,"performance":72.7,"maintainability":56.0,"complexity":59.9,"csat":0.654,"provider":"mistral","model":"mistral-large","action_type":"document"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(6,'40065aa57b8e2c68cd1d6851a9eb202fb2c6bcbd27b04248b03f3666133bb53d0d6cf80494c26f58',1,'demo','synthetic','demo-1-5',1788516649282664,NULL,5.01355616619172579379e+01,'{"codeQuality":52.4,"testCoverage":29.7,"security":66.4,"performance":69.1,"maintainability":60.1,"complexity":68.6,"csat":0.621,"provider":"anthropic","model":"claude-small","action_type":"generate"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(7,'40065aa5a5fe6e68355bfb7cfcdfbadf7229e6a2cfc007b1ca595579c114525121d78e844ed59094',1,'demo','synthetic','demo-1-6',1788517361282664,NULL,74.7727124156493,'{"codeQuality":75.0,"testCoverage":68.7,"security":64.6,"performance":84.6,"maintainability":63.0,"complexity":59.7,"csat":0.876,"provider":"anthropic","model":"claude-small","action_type":"refactor"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(8,'40065aa8ad6404a86e3ae755f894203fa8ffdc159c6510c9a22630a0c130953ee538b9865f6b4f9b',1,'demo','synthetic','demo-1-7',1788530370282664,NULL,7.39813595586037422427e+01,'{"codeQuality":86.4,"testCoverage":36.1,"security":73.1,"performance":96.8,"maintainability":76.3,"complexity":51.0,"csat":0.666,"provider":"mistral","model":"mistral-small","action_type":"document"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(9,'40065ab1a73598682f149344994915f6c372c03d4279afde02c1ef427a64be9d677392c130ffe72c',1,'demo','synthetic','demo-1-8',1788568921282664,NULL,6.79551413394886196775e+01,'{"codeQuality":66.3,"testCoverage":68.4,"security":51.9,"performance":100.0,"maintainability":48.8,"complexity":54.3,"csat":0.559,"provider":"anthropic","model":"claude-small","action_type":"generate"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(10,'40065ab291eeb4e86052f4a28fa519fc82c3b21e9dfb8e25199a242a2321607c547ba39067391583',1,'demo','synthetic','demo-1-9',1788572859282664,NULL,6.59670784984894140743e+01,'{"codeQuality":73.0,"testCoverage":81.6,"security":60.2,"performance":87.3,"maintainability":61.4,"complexity":31.8,"csat":0.5,"provider":"mistral","model":"mistral-large","action_type":"refactor"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(11,'40065ab400433968cdb28ece8c2d132f3ac7f5cb8a2f26d2339e2b175b20a481a6deeed24048f568',1,'demo','synthetic','demo-1-10',1788579005282664,NULL,7.60808683533820868678e+01,'{"codeQuality":87.7,"testCoverage":19.1,"security":78.9,"performance":46.9,"maintainability":59.4,"complexity":15.1,"csat":null,"provider":"openai","model":"gpt-large","action_type":"generate"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(12,'40065ab4e2ffa8683be3160e4cacbda58965886cf17acbbcdbaafcb6df59050285323f5429effdde',1,'demo','synthetic','demo-1-11',1788582809282664,NULL,7.61814110074170827138e+01,'{"codeQuality":80.7,"testCoverage":67.7,"security":78.2,"performance":66.7,"maintainability":76.0,"complexity":30.7,"csat":0.738,"provider":"anthropic","model":"claude-small","action_type":"refactor"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(13,'40065ab575fbd4e8296bf175f6f6f6f90adeb25b951a4bbaf58f4d81bca3c93e73c11964bb870e67',1,'demo','synthetic','demo-1-12',1788585275282664,NULL,6.46286747092246827151e+01,'{"codeQuality":64.3,"testCoverage":26.0,"security":68.2,"performance":69.8,"maintainability":55.8,"complexity":27.3,"csat":0.528,"provider":"anthropic","model":"claude-small","action_type":"refactor"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(14,'40065ab7a59c9a284a989e79e7e56ff461e98b6a3ead4153c48e606c807a9e27fb14916806e2410d',1,'demo','synthetic','demo-1-13',1788594664282664,NULL,7.0844985450088870495e+01,'{"codeQuality":54.0,"testCoverage":59.3,"security":79.9,"performance":99.1,"maintainability":60.2,"complexity":85.4,"csat":0.71,"provider":"anthropic","model":"claude-large","action_type":"document"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(15,'40065abf8bb30568b3bfc67935223cab127e2773f3d7002186f6e6011596a61c12cd7d9a2d61df72',1,'demo','synthetic','demo-1-14',1788628589282664,NULL,7.44638917221782179476e+01,'{"codeQuality":70.4,"testCoverage":84.5,"security":71.8,"performance":80.9,"maintainability":85.6,"complexity":63.9,"csat":null,"provider":"mistral","model":"mistral-small","action_type":"fix"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(16,'40065ac53c6fd36886aee2cc6bb3baa604f2785b86c2aca43b02884f855a2fd6366259a87fc927c3',1,'demo','synthetic','demo-1-15',1788653029282664,NULL,6.21369459442941192168e+01,'{"codeQuality":91.4,"testCoverage":27.6,"security":63.5,"performance":82.9,"maintainability":54.5,"complexity":66.5,"csat":0.687,"provider":"openai","model":"gpt-small","action_type":"generate"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(17,'40065ac913f91aa8aec9fecbb0fb04575cf07253a92663a332bdfa807f311c45954120c961eaea35',1,'demo','synthetic','demo-1-16',1788669530282664,NULL,8.20521724780557804024e+01,'{"codeQuality":63.9,"testCoverage":100.0,"security":76.1,"performance":70.2,"maintainability":88.8,"complexity":25.6,"csat":0.666,"provider":"anthropic","model":"claude-large","action_type":"refactor"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(18,'40065acbe9999a2820ccc7aeb1ab89ba5b77a3839230737a833ca60fde0958b74b4ca3f96903c12d',1,'demo','synthetic','demo-1-17',1788681704282664,NULL,6.50238130650731278609e+01,'{"codeQuality":62.4,"testCoverage":45.9,"security":78.2,"performance":72.0,"maintainability":83.6,"complexity":83.5,"csat":0.694,"provider":"anthropic","model":"claude-small","action_type":"generate"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(19,'40065acf328099284b10cfe7340e2748be22b6f1a271d0c9733bc4345028701fd5eee45361da9876',1,'demo','synthetic','demo-1-18',1788695812282664,NULL,6.11212719673687843169e+01,'{"codeQuality":43.8,"testCoverage":26.7,"security":70.2,"performance":73.1,"maintainability":72.9,"complexity":22.7,"csat":0.456,"provider":"mistral","model":"mistral-large","action_type":"generate"}',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(20,'40065ad25a43b528624347124565776e2101f1ed381f3ec4e72cb6301108d704f35f74734c02b3d3',1,'demo','synthetic','demo-1-19',1788709364282664,NULL,6.72563020765096268843e+01,'{"codeQuality":66.2,"testCoverage":52.0,"security":56.6,"performance":57.3,"maintainability":39.8,"complexity":27.7,"csat":0.421,"provider":"mistral","model":"mistral-large","action_type":"refactor"}',NULL,NULL,NULL);
CREATE TABLE scheduled_tasks (
    name TEXT NOT NULL PRIMARY KEY, every_seconds DOUBLE PRECISION NOT NULL, last_started_at BIGINT,
    last_finished_at BIGINT, last_outcome TEXT, last_error TEXT, next_run_at BIGINT);
CREATE TABLE segment_reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT, version BIGINT NOT NULL, at BIGINT NOT NULL, body TEXT NOT NULL);
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, token_hash TEXT NOT NULL UNIQUE, email TEXT NOT NULL, started_at BIGINT NOT NULL,
    authenticated_at BIGINT NOT NULL, seen_at BIGINT NOT NULL, place TEXT NOT NULL,
    ended_at BIGINT, ended_why TEXT);
CREATE TABLE setting_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, value TEXT, at BIGINT NOT NULL, "by" TEXT NOT NULL,
    reason TEXT NOT NULL);
CREATE TABLE shadow_scores (
    prediction_id TEXT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, outcome TEXT NOT NULL,
    score DOUBLE PRECISION, latency_ms DOUBLE PRECISION NOT NULL, error TEXT);
CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT, content_hash TEXT NOT NULL UNIQUE, path TEXT NOT NULL, n_rows BIGINT NOT NULL,
    n_synthetic BIGINT NOT NULL, columns TEXT NOT NULL, query TEXT NOT NULL, first_at BIGINT,
    last_at BIGINT, created_at BIGINT NOT NULL, created_by TEXT NOT NULL, file_hash TEXT);
INSERT INTO "snapshots" VALUES(1,'1da85bad07d1676124155b775bc87ce989fb1cd037ba0e1decb175089775b44a','snapshots/1da85bad07d1676124155b775bc87ce989fb1cd037ba0e1decb175089775b44a.parquet',300,300,'["action_type","codeQuality","complexity","csat","maintainability","model","performance","provider","security","testCoverage"]','{"provenances":["synthetic"],"types":{"__key__":"large_string","__at__":"timestamp[us, tz=UTC]","__target__":"double","__text__":"large_string","__group__":"large_string","__id__":"large_string","__source__":"large_string","__provenance__":"large_string","__labelled_at__":"timestamp[us, tz=UTC]","action_type":"large_string","codeQuality":"double","complexity":"double","csat":"double","maintainability":"double","model":"large_string","performance":"double","provider":"large_string","security":"double","testCoverage":"double"}}',1788304085282664,1796027218282664,1796072515176384,'ada',NULL);
CREATE TABLE sources (
    name TEXT NOT NULL PRIMARY KEY, mapping TEXT NOT NULL, attempt BIGINT NOT NULL,
    started_at BIGINT NOT NULL, finished_at BIGINT, watermark TEXT, reading TEXT, outcome TEXT,
    message TEXT, n_received BIGINT NOT NULL, n_new BIGINT NOT NULL);
CREATE TABLE table_mappings (
    id INTEGER PRIMARY KEY AUTOINCREMENT, table_name TEXT NOT NULL, mapping TEXT, at BIGINT NOT NULL, "by" TEXT NOT NULL,
    reason TEXT NOT NULL);
CREATE TABLE trial_checkpoints (
    revision BIGINT NOT NULL, until_at BIGINT NOT NULL, sums TEXT NOT NULL, labels TEXT NOT NULL,
    PRIMARY KEY (revision, until_at));
CREATE TABLE trial_progress (
    revision BIGINT NOT NULL PRIMARY KEY, request_seq BIGINT NOT NULL,
    prediction_seq BIGINT NOT NULL, label_id BIGINT NOT NULL, requests TEXT NOT NULL);
CREATE TABLE trial_verdicts (
    revision BIGINT NOT NULL PRIMARY KEY REFERENCES deployments (revision), at BIGINT NOT NULL,
    verdict TEXT NOT NULL, n_differences BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL,
    low DOUBLE PRECISION NOT NULL, high DOUBLE PRECISION NOT NULL);
CREATE TABLE unmatched_labels (prediction_id TEXT NOT NULL PRIMARY KEY);
CREATE TABLE versions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, snapshot_id BIGINT NOT NULL REFERENCES snapshots (id),
    artifact_hash TEXT NOT NULL, report TEXT NOT NULL, created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL);
INSERT INTO "versions" VALUES(1,1,'4e354eaebda278995d76aca8e432bc40775f771c33f09786cc39847e3b8ea704','{"recipe":"baseline","seed":0,"n_train":240,"n_holdout":60,"split":"time","split_reason":"By time: the newest 60 of 300 rows, from 2026-11-13 23:19 UTC on, are held out.","features_available":["action_type","codeQuality","complexity","csat","maintainability","model","performance","provider","security","testCoverage"],"features_selected":["action_type","codeQuality","complexity","csat","maintainability","model","performance","provider","security","testCoverage"],"importance":{"testCoverage":0.18756428136558254,"codeQuality":0.1810811463185916,"model":0.11242479633770727,"csat":0.10311915745948387,"action_type":0.09181218776223599,"complexity":0.08844410333056218,"security":0.06968463796736102,"maintainability":0.06454332603491188,"performance":0.06166424958990047,"provider":0.03966211383366328},"search":{"n_combinations":5,"n_folds":5,"best":{"alpha":1.0},"method":"grid","n_rows":200,"loss":3.389892147850251},"metrics":{"mae":{"value":3.0960902370194066,"low":2.7184692370051544,"high":3.372869331294991},"rmse":{"value":3.954363509172866,"low":3.3643631330396646,"high":4.418144006128822},"r2":{"value":0.9045158741621743,"low":0.8319213262157988,"high":0.9271324636398734},"accuracy":{"value":0.85,"low":0.7388541093022145,"high":0.9321430723921867},"skill":{"value":0.5991537596003024,"low":0.4327777580278146,"high":0.6850940677005535}},"champion_mae":null,"naive":{"mean":{"guess":72.54594780842054,"mae":10.502381305135959,"rmse":12.79790971935911,"accuracy":0.26666666666666666,"of":null},"median":{"guess":72.04837512968328,"mae":10.57261969158493,"rmse":12.801927663138988,"accuracy":0.25,"of":null},"recent_mean":{"guess":73.47952292986722,"mae":10.430742874967423,"rmse":12.84249148765395,"accuracy":0.2833333333333333,"of":null},"category_mean":{"guess":null,"mae":9.967067969530229,"rmse":12.29731754774173,"accuracy":0.3,"of":"model"},"heuristic":{"guess":null,"mae":7.723884933864386,"rmse":9.364430710346582,"accuracy":0.35,"of":null}},"cv":{"mae":{"mean":3.389892147850251,"std":0.44402792490687926}},"gate":{"passed":true,"reasons":["Passed: 60 rows were held out; the intervals rest on 18 days, in runs of 3.","Passed: every score is a number, and they vary by 49.5 points.","Passed: skill is 0.599 (95 % interval 0.433 to 0.685): MAE 3.10 against 7.72 for the heuristic.","Passed: MAE 3.10 against 10.5 for the best constant, the mean of the training rows.","Passed: all rows are generated ones, of the same source.","Passed: no column was found that gives the target away.","Note: trained and evaluated on demo data: the figures describe the generator, not real work.","Note: no version serves yet, so that there was none to compare with."]},"tolerance":5.0,"scale_low":0.0,"scale_high":100.0,"synthetic":true,"overrides":[],"summary":"Demo data: Better than the heuristic: MAE 3.10 against 7.72 points on 60 held-out rows, skill 0.599 (95 % interval 0.433 to 0.685).","seconds":2.3987885979995553,"basis":"18 days, in runs of 3","left_out":{},"champion":null,"improvement":null,"n_compared":0,"random_split_mae":2.895936482365674,"interval_coverage":{"value":0.8833333333333333,"low":0.803921568627451,"high":0.9581945176685434},"n_unknown_yet":0,"label_delay_seconds":0.0,"learning_curve":[{"n_rows":30,"mae":{"value":4.797924745425257,"low":3.5606915426944976,"high":6.035157948156016}},{"n_rows":60,"mae":{"value":3.6841753861843447,"low":3.1232425899067895,"high":4.2451081824619}},{"n_rows":120,"mae":{"value":3.12590999310657,"low":2.9193808804783368,"high":3.332439105734803}},{"n_rows":240,"mae":{"value":3.0960902370194074,"low":2.8966684030622742,"high":3.2955120709765406}}],"doubling":{"value":0.029819756087163068,"low":-0.3358346695640204,"high":0.3200692151145436},"segments":[],"score_bands":[{"low":46.83175934766557,"high":67.97505361894875,"n_rows":20,"score":59.13167428524163,"actual":{"value":57.06491801403048,"low":52.72776487792203,"high":61.40207115013894},"mae":3.178068041679261},{"low":68.66216709533442,"high":78.44238750853879,"n_rows":20,"score":75.00595345246744,"actual":{"value":75.33075789058083,"low":73.74800124838711,"high":76.91351453277454},"mae":2.8560238567847223},{"low":79.54981582557681,"high":96.36777269741097,"n_rows":20,"score":84.98363023195341,"actual":{"value":84.80588995930165,"low":82.41881265890025,"high":87.19296725970305},"mae":3.254178812594238}],"worst":[{"key":"812b67a4e03cc9e1c29f868d8267fde78d9963c2dfdbf0dd334e85b3aec3a798","at":"2026-11-29T02:11:20.282664Z","score":46.83175934766557,"actual":36.885370926737146},{"key":"9763d99fe30e58bc17f8d01fc81566741e857abac69796eaa449dd06a8c33d40","at":"2026-11-19T09:22:12.282664Z","score":83.16388271611339,"actual":73.8110962095075},{"key":"66a10e730fa564aeb9978e9ad6f32b0eedc6ea439419f425a0dcbd3a0a773060","at":"2026-11-23T12:52:37.282664Z","score":79.89061554662665,"actual":89.16615732481837},{"key":"9f290a7631c5399f0559fe27d84233080c5a0d1b645ec94095f8d9de9475d518","at":"2026-11-27T23:44:05.282664Z","score":67.97505361894875,"actual":58.73209692175284},{"key":"ccb41f83d51070d252e674a76f11b6ca4370808b1590db89fbb3604508014bb9","at":"2026-11-16T01:41:41.282664Z","score":74.74346123107581,"actual":82.32914945185432}],"environment":{"python":"3.11.7","numpy":"2.4.6","scipy":"1.17.1","pandas":"3.1.1","scikit-learn":"1.9.1","xgboost":"3.2.0"},"commit":"6edb8cfd70b2","importance_method":"SHAP values, exact for this model","scorer":{"n_rows":159,"largest_difference":5.684341886080802e-14,"why":""},"gate_alpha":null,"objective":"squared","window":"all history: MAE 3.19 in the validation, and no window is shown to be better (all history, weights halved every 28 days: 3.21)","windows_tried":{"all history":3.1943115596615486,"the last 28 days":3.3886329264861095,"all history, weights halved every 28 days":3.2126765836460125},"plan":{"objective":"squared","window":"auto","search":"grid","device":"cpu","holdout":"fifth","parameters":null},"attempts":[{"parameters":{"alpha":1.0},"loss":3.389892,"n_folds":5},{"parameters":{"alpha":10.0},"loss":3.510978,"n_folds":5},{"parameters":{"alpha":100.0},"loss":4.704444,"n_folds":5},{"parameters":{"alpha":1000.0},"loss":7.851651,"n_folds":5},{"parameters":{"alpha":10000.0},"loss":8.95927,"n_folds":5}],"holdout_from_at":null}',1796072517612202,'ada');
CREATE TABLE watched_attempts (
    name TEXT NOT NULL PRIMARY KEY, n_bytes BIGINT NOT NULL, modified_ns BIGINT NOT NULL,
    n INTEGER NOT NULL);
CREATE TABLE watched_files (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, n_bytes BIGINT NOT NULL, modified_ns BIGINT NOT NULL,
    content_hash TEXT NOT NULL, at BIGINT NOT NULL, n_received BIGINT NOT NULL,
    n_new BIGINT NOT NULL, error TEXT);
CREATE TABLE widenings (
    id INTEGER PRIMARY KEY AUTOINCREMENT, version BIGINT NOT NULL, at BIGINT NOT NULL, factor DOUBLE PRECISION NOT NULL,
    n_labels INTEGER NOT NULL, n_inside INTEGER NOT NULL, since_at BIGINT);
CREATE INDEX samples_external_id ON samples (source, external_id);
CREATE INDEX samples_collection
    ON samples (collection_id, source, provenance, superseded_at, at);
CREATE INDEX predictions_at ON predictions (at);
CREATE INDEX labels_prediction ON labels (prediction_id, id);
CREATE INDEX labels_received ON labels (received_at);
CREATE INDEX incident_events_incident ON incident_events (incident_id, id);
CREATE INDEX jobs_status ON jobs (status, id);
CREATE INDEX job_lines_job ON job_lines (job_id, id);
CREATE INDEX replays_version ON replays (version, id);
CREATE INDEX drift_reports_window ON drift_reports (version, to_at);
CREATE INDEX segment_reports_version ON segment_reports (version, id);
CREATE INDEX watched_files_name ON watched_files (name, id);
CREATE INDEX watched_files_content ON watched_files (content_hash);
CREATE INDEX deliveries_state ON deliveries (state, due_at);
CREATE INDEX predictions_unit ON predictions (unit_id) WHERE unit_id IS NOT NULL;
CREATE INDEX notes_version ON notes (version, id);
CREATE INDEX widenings_version ON widenings (version, id)
;
CREATE INDEX history_makers_waiting ON history_makers (collection_id);
CREATE INDEX history_known ON history (maker_id, known_at, sample_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('history_makers',6);
INSERT INTO "sqlite_sequence" VALUES('jobs',2);
INSERT INTO "sqlite_sequence" VALUES('job_lines',41);
INSERT INTO "sqlite_sequence" VALUES('collections',1);
INSERT INTO "sqlite_sequence" VALUES('samples',300);
INSERT INTO "sqlite_sequence" VALUES('quality_reports',1);
INSERT INTO "sqlite_sequence" VALUES('snapshots',1);
INSERT INTO "sqlite_sequence" VALUES('versions',1);
INSERT INTO "sqlite_sequence" VALUES('deployments',1);
COMMIT;
