"""The guards of the trainer: module, what stands there, what stands there without the guard, and which tests notice."""

from __future__ import annotations

INSPECTION = "tests/unit/trainer/test_trainer_inspection.py"
ROBUST = "tests/unit/trainer/test_trainer_robust.py"
RECORDS = "tests/unit/trainer/test_trainer_records.py"
JOB = "tests/unit/trainer/test_trainer_job.py"
MEMBERS = "tests/unit/trainer/test_trainer_members.py"
HTTP = "tests/unit/trainer/test_trainer_coordinator_http.py"
UNPACKING = "tests/unit/trainer/test_trainer_unpacking.py"

APP_PARTS = "tests/unit/trainer/test_trainer_app_parts.py"
APPS = "tests/unit/trainer/test_trainer_apps.py"

PLACES: dict[str, tuple[str, str, str, str]] = {
    "a strategy is given no reply that is not finite": ("apps.gate", "if not reply.finite:", "if False:", APP_PARTS),
    "a strategy is given no weight that is not sound": (
        "apps.gate", "if not reply.weight_is_sound:", "if False:", APP_PARTS
    ),
    "a strategy is given no shape unlike the others": (
        "apps.gate", "if odd and common is not None and reply.shape != common[0]:", "if False:", APP_PARTS
    ),
    "what the gate refuses is an error for the strategy": (
        "apps.grid", "if refusal is not None:", "if False:", APPS
    ),
    "a round in which nobody trained does not count": (
        "apps.session", "counts = bool(workers) and", "counts = True or", APPS
    ),
    "an archive writes nowhere but below its shard": (
        "apps.folders", 'if path.is_absolute() or ".." in path.parts or not', "if not", APP_PARTS
    ),
    "a copy of a shard has the hash that its home states": (
        "apps.folders", "if found != source.sha256:", "if False:", APP_PARTS
    ),
    "an update has the batches that were ordered": (
        "learning.inspection", "if update.batches != batches:", "if False:", INSPECTION
    ),
    "figures of an update are finite and in range": (
        "learning.inspection",
        "return None if is_plausible else Refusal.WRONG_FIGURES",
        "return None",
        INSPECTION,
    ),
    "weights are floating-point numbers": (
        "learning.inspection", "if not np.issubdtype(weights.dtype, np.floating):", "if False:", INSPECTION
    ),
    "weights have the model's shape": (
        "learning.inspection",
        "if weights.ndim != 1 or parameters not in (None, len(weights)):",
        "if False:",
        INSPECTION,
    ),
    "weights are finite": (
        "learning.inspection",
        "if not bool(np.isfinite(weights).all()):",
        "if False:",
        INSPECTION,
    ),
    "an update is that of the worker who sends it": (
        "protocol.rounds", "if update.node != node:", "if False:", INSPECTION
    ),
    "the change of an update is bounded": (
        "coordinator.gate", "if is_too_large(update)]", "if False]", INSPECTION
    ),
    "the first change is bounded by the weights": (
        "coordinator.gate", "if scale else beyond(self._factor, start)", "if scale else (lambda _: False)", INSPECTION
    ),
    "a model that gives no numbers does not become the checkpoint": (
        "coordinator.gate", "return round(found, 3) if 0.0 <= found <= 100.0 else None", "return found", JOB
    ),
    "a checkpoint that is not finite is not continued from": (
        "coordinator.checkpoint",
        "if not bool(np.isfinite(weights).all()):",
        "if False:",
        "tests/unit/trainer/test_trainer_checkpoint.py",
    ),
    "a worker has one voice about what is usual": (
        "learning.inspection", "norms[update.node].append(norm)", "norms[update.shard].append(norm)", INSPECTION
    ),
    "a worker that is refused again and again is not asked": (
        "coordinator.refusals", "return found is not None and self._clock() < found.until", "return False", JOB
    ),
    "the average leaves out what is not finite": (
        "learning.averaging",
        "if update.batches > 0 and bool(np.isfinite(update.weights).all())]",
        "if update.batches > 0]",
        INSPECTION,
    ),
    "the average leaves out another shape": (
        "learning.averaging", "if update.weights.shape == usual]", "if usual]", INSPECTION
    ),
    "no worker outweighs the others in the median": (
        "learning.robust", "np.minimum(batches, np.median(batches))", "batches", ROBUST
    ),
    "a reply is read strictly": (
        "protocol.records", 'ConfigDict(strict=True, extra="ignore")', 'ConfigDict(extra="ignore")', RECORDS
    ),
    "a worker gives no reasons of the coordinator's": (
        "protocol.records", "if reason not in REPORTED_BY_WORKERS:", "if False:", RECORDS
    ),
    "a reply's document is bounded": (
        "protocol.records", "or len(text) > LONGEST_REPLY:", "or False:", RECORDS
    ),
    "objects that cannot be unpacked end nothing": (
        "coordinator.superlink",
        "    except Exception:  # the bytes",
        "    except ZeroDivisionError:  # the bytes",
        UNPACKING,
    ),
    "an enormous reply is not unpacked": (
        "coordinator.superlink", "> LARGEST_REPLY_BYTES:", "< 0:", UNPACKING
    ),
    "only nodes of the job register": (
        "protocol.members", "if not self._knows(member.node):", "if False:", MEMBERS
    ),
    "the number of workers is bounded": (
        "protocol.members", "and len(self._members) >= MOST_MEMBERS:", "and False:", MEMBERS
    ),
    "silent workers are forgotten": (
        "protocol.members", "if self.silence_seconds(one) > self._forgotten_after]", "if False]", MEMBERS
    ),
    "a pace is plausible": (
        "coordinator.introductions", "Field(ge=1e-7, le=3600.0, allow_inf_nan=False)", "Field()", HTTP
    ),
    "a body is bounded": (
        "coordinator.http_api",
        "client_max_size=LARGEST_BODY,",
        "client_max_size=0,",
        HTTP,
    ),
    "progress names the newest rounds only": (
        "coordinator.progress", "if count > 1 and (count > MOST_ROUNDS or names > MOST_NAMES):", "if False:", HTTP
    ),
}  # fmt: skip
