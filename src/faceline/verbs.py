"""The verbs of the command: what each is for, with examples."""

VERBS: dict[str, tuple[str, tuple[str, ...]]] = {
    "train": (
        "train a model as one tracked run, or a sweep with -m",
        (
            "faceline train experiment=landmarks/cnn data=synthetic",
            "faceline train experiment=landmarks/mobilenetv2 data=udacity data.root=/data/udacity seed=1",
            "faceline train model=timm model.backbone=resnet34 name=resnet34 trainer.max_epochs=30 tags=[trial]",
            "faceline train data=csv data.root=photos data.csv=labels.csv split.protocol=person_disjoint",
            "faceline train experiment=identification/knn data=udacity split.protocol=video_disjoint",
            "faceline train experiment=landmarks/cnn ckpt_path=last   # go on with an interrupted run",
            "faceline train experiment=landmarks/cnn debug=fdr        # one batch: does every step run?",
            "faceline train -m experiment=landmarks/cnn,landmarks/resnet18 seed=0,1,2",
            "faceline train sweep=landmarks sweep.trials=20   # a search; typed again it goes on",
            "faceline train sweep=optuna experiment=landmarks/cnn 'model.lr=tag(log,interval(1e-4,1e-2))'",
        ),
    ),
    "evaluate": (
        "measure a trained model on any data set and split",
        (
            "faceline evaluate run_id=0123abcd",
            "faceline evaluate ckpt_path=best.ckpt data=udacity data.root=/data/udacity part=val",
            "faceline evaluate bundle=default data=udacity data.root=/data/udacity  # the model that ships",
            "faceline evaluate run_id=0123abcd split.protocol=person_disjoint output=results",
        ),
    ),
    "export": (
        "write a trained model as one file that runs without torch",
        (
            "faceline export run_id=0123abcd",
            "faceline export run_id=0123abcd data=udacity data.root=/data/udacity output=small.faceline",
        ),
    ),
    "predict": (
        "find faces and their landmarks in photos, films and folders",
        (
            "faceline predict photo.jpg overlays=drawn",
            "faceline predict photos/ min_confidence=0.7 format=json",
            "faceline predict film.mp4 smooth=true overlays=drawn",
            "faceline predict frames/ faces=whole        # each frame is one face already",
            "faceline predict 'holiday/*.jpg' more/ bundle=small.faceline",
            "faceline predict photo.jpg run_id=champion",
        ),
    ),
    "compare": (
        "rank finished runs on one page, or review two of them",
        (
            "faceline compare",
            "faceline compare tags=[trial] output=comparison",
            "faceline compare sweep_id=0123abcd                       # the trials of a sweep",
            "faceline compare 0123abcd 4567cdef                       # a review of two runs",
        ),
    ),
    "reproduce": (
        "train a run again and check that every figure is the same",
        (
            "faceline reproduce run_id=0123abcd",
            "faceline reproduce run_id=0123abcd data.root=/data/udacity task.detector=landmarks.ckpt",
        ),
    ),
    "runs": (
        "list the runs of the store",
        (
            "faceline runs",
            "faceline runs status=failed newer_than=7d",
            "faceline runs match=[identification,video_disjoint] tags=[trial]",
        ),
    ),
    "runs delete": (
        "delete runs that failed or were killed",
        (
            "faceline runs delete older_than=2d",
            "faceline runs delete run_ids=[0123abcd] yes=true",
        ),
    ),
    "runs clean": (
        "remove the files of deleted runs",
        ("faceline runs clean",),
    ),
    "runs models": (
        "list registered models and champions",
        ("faceline runs models",),
    ),
    "promote": (
        "register a run's model; it becomes champion if it beats the last one",
        (
            "faceline promote run_id=0123abcd",
            "faceline promote run_id=0123abcd force=true 'reason=the champion was trained on faulty labels'",
        ),
    ),
    "rollback": (
        "go back to the previous champion",
        (
            "faceline rollback",
            "faceline rollback name=landmarks-udacity-official 'reason=jitters on dark frames'",
        ),
    ),
    "cluster": (
        "find groups of similar face shapes, and whether they are people",
        (
            "faceline cluster data=synthetic",
            "faceline cluster data=udacity data.root=/data/udacity k=[2,16] chosen=8",
        ),
    ),
    "data check": (
        "check a data set, summarise it and draw its distributions",
        (
            "faceline data check data=csv data.root=photos data.csv=labels.csv   # landmarks of your own",
            "faceline data check data=udacity data.root=/data/udacity data.on_error=skip",
        ),
    ),
    "benchmark train": (
        "measure images a second of a training, beside the loop that a newcomer writes",
        (
            "faceline benchmark train data.root=/data/udacity",
            "faceline benchmark train trainer=gpu compile=true warmup=20 steps=200 data.batch_size=256",
            "faceline benchmark train accuracy=2e-4 data.size=160 weights=mobilenetv2.safetensors",
        ),
    ),
    "benchmark input": (
        "measure what it costs to prepare a frame, and how that grows with the data",
        ("faceline benchmark input data.root=/data/udacity",),
    ),
    "benchmark infer": (
        "measure milliseconds from a frame to its landmarks, and a folder of frames",
        (
            "faceline benchmark infer data.root=/data/udacity",
            "faceline benchmark infer bundles=[default,mine.faceline] run_ids=[0123abcd] backbones=[]",
        ),
    ),
    "benchmark everywhere": (
        "measure faces that are turned, covered, dark, small or one of several, and photos without one",
        ("faceline benchmark everywhere data.root=/data/udacity bundles=[default,mine.faceline]",),
    ),
    "benchmark startup": ("measure seconds until the command does something", ("faceline benchmark startup",)),
    "benchmark identification": (
        "measure time and memory of identification by shapes, at any scale",
        (
            "faceline benchmark identification data.root=/data/youtube_faces",
            "faceline benchmark identification data=synthetic methods=[gnb,knn] data.batch_size=256",
        ),
    ),
    "benchmark sweep": (
        "measure how much of the machine a sweep uses, and what a trial costs",
        (
            "faceline benchmark sweep",
            'faceline benchmark sweep trials=4 \'training=["experiment=landmarks/cnn","debug=limit"]\'',
        ),
    ),
    "stand": (
        "run the interactive screen and its web pages",
        (
            "faceline stand                                    # drawn visitors",
            "faceline stand source=0 name=north catalogue=mall.yaml detector=yunet.onnx",
            "faceline stand source=rtsp://camera/stream embedder=arcface.onnx zone=Europe/Paris",
        ),
    ),
    "fleet": (
        "run one server for a chain of stands: health, contents, alerts",
        (
            "faceline fleet",
            "faceline fleet host=0.0.0.0 certificate=fleet.pem certificate_key=fleet.key allowed_hosts=[fleet.example]",
            "faceline stand fleet=https://fleet.example:8430 fleet_token=TOKEN   # a stand that belongs to it",
        ),
    ),
    "fleet publish": (
        "give contents to a group of stands in stages, or announce software",
        (
            "faceline fleet publish catalogue=mall.yaml group=malls first=10%",
            "faceline fleet publish bundle=own.faceline first=all",
            "faceline fleet publish software=faceline-0.2.0-py3-none-any.whl version=0.2.0",
        ),
    ),
    "report": (
        "report what a campaign did, as a page and tables",
        (
            "faceline report",
            "faceline report stores=[sqlite:///north.db,postgresql://user@host/chain,shipped/] campaign=spring",
        ),
    ),
    "plays": (
        "prove what was on the screen, and which share of the airtime that was",
        (
            "faceline plays catalogue=mall.yaml",
            "faceline plays catalogue=mall.yaml campaign=coffee since=2026-03-01 until=2026-03-31",
        ),
    ),
    "ship": (
        "send a stand's events to the chain's folder or database",
        ("faceline ship to=/mnt/chain", "faceline ship to=postgresql://stand@host/chain"),
    ),
    "simulate": (
        "run the stand on simulated visitors whose true preferences are known",
        (
            "faceline simulate",
            "faceline simulate repeats=200 days=3     # how often the interval holds the truth",
        ),
    ),
    "consent": (
        "list, withdraw, expire or export consents; rotate the key",
        (
            "faceline consent",
            "faceline consent action=withdraw person=ID",
            "faceline consent action=export person=ID output=person.json",
            "faceline consent action=rotate-key",
        ),
    ),
    "accounts": (
        "manage who may log in to the stand's pages",
        (
            "faceline accounts",
            "faceline accounts action=add name=anna role=operator",
            "faceline accounts action=add name=cafe role=advertiser campaigns=[coffee]",
            "faceline accounts action=campaigns name=cafe campaigns=[coffee,shoes]",
            "faceline accounts action=remove name=anna",
        ),
    ),
    "webhooks": (
        "manage the addresses that the stand posts its live audience to",
        (
            "faceline webhooks",
            "faceline webhooks action=add name=cms url=https://cms.example/hook",
            "faceline webhooks action=add name=crm url=https://crm.example/seen kinds=[customer_present] names=true",
            "faceline webhooks action=remove name=cms",
        ),
    ),
    "tokens": (
        "manage the tokens by which other programs and tills ask the stand",
        (
            "faceline tokens",
            "faceline tokens action=add name=prometheus scopes=[health]",
            "faceline tokens action=add name=cms scopes=[audience,figures] campaigns=[coffee]",
            "faceline tokens action=add name=till-1 scopes=[redeem]",
            "faceline tokens action=revoke name=cms",
        ),
    ),
    "benchmark stand": (
        "measure frames a second, time to a decision, memory over a simulated hour",
        ("faceline benchmark stand", "faceline benchmark stand faces=50 soak_seconds=0 detector=yunet.onnx"),
    ),
    "benchmark recognition": (
        "measure who is greeted by name, visit by visit, and who should not have been",
        ("faceline benchmark recognition", "faceline benchmark recognition people=60 'enrolled=[20]' draws=3"),
    ),
    "benchmark counting": (
        "measure visits, dwell and looks that a stand counts, against films of known truth",
        ("faceline benchmark counting", "faceline benchmark counting repeats=1 'rates=[12.5]' develop=true"),
    ),
    "benchmark fleet": (
        "measure requests a second and memory of one server for many stands, and how it comes back after a kill",
        ("faceline benchmark fleet", "faceline benchmark fleet stands=200 store=postgresql://fleet@host/fleet"),
    ),
    "benchmark report": (
        "measure time and memory of a report over a chain of stands",
        ("faceline benchmark report", "faceline benchmark report events=100000000 folder=/data/events"),
    ),
}
"""Purpose and examples of each verb that takes overrides."""

PLAIN = (
    "stand",
    "fleet",
    "fleet publish",
    "report",
    "plays",
    "ship",
    "simulate",
    "consent",
    "accounts",
    "tokens",
    "webhooks",
    "benchmark stand",
    "benchmark recognition",
    "benchmark counting",
    "benchmark report",
    "benchmark fleet",
)
"""Verbs of `faceline.stand`, whose settings are read without Hydra."""

RESULTS = """\
faceline results [--check | --add RUN_ID [--as NAME]]
  Render the published results into docs/results.md and draw them with their intervals.

  --check       Only compare the two; exit with 2 where they differ.
  --add RUN_ID  Add the figures of a finished run first, in place of the row of the same model.
  --as NAME     Add them under another name than its model's, so that another row of that model stays."""

GROUPS: dict[str, tuple[str, ...]] = {
    "data": ("data check", "cluster"),
    "train": ("train", "reproduce"),
    "models": ("evaluate", "compare", "promote", "rollback", "export"),
    "use": ("predict",),
    "stand": (
        *("stand", "simulate", "report", "plays", "ship", "fleet", "fleet publish"),
        *("consent", "accounts", "tokens", "webhooks"),
    ),
    "upkeep": ("runs", "runs models", "runs delete", "runs clean"),
}
"""Verbs by purpose, as the overview lists them; the others are for developers of faceline."""

INIT = """\
faceline init FOLDER
  Write the folder of a project of your own: package, configs, tests, and a faceline.yaml that opens them.

examples:
  faceline init my_project"""

EXAMPLES = (
    ("landmarks of every face in a photo", "faceline predict photo.jpg overlays=drawn"),
    ("train a model on drawn faces", "faceline train experiment=landmarks/cnn data=synthetic"),
    ("rank the runs on one page", "faceline compare"),
    ("check a data set of your own", "faceline data check data=udacity data.root=FOLDER"),
    ("open the stand with drawn visitors", "faceline stand"),
)
