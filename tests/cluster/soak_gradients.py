"""Bad gradients: not a number, infinity or a spike, put into one rank's gradients by a preloaded library just before they
are summed. The step must be refused by all ranks, and nothing of it be saved."""
import array
import json
import math
import re
import shutil
import struct

from soak_job import TRAINING_RANKS, Failure, Job

STEPS = 120
# Early steps have no usual norm yet to tell a spike by; ten bad steps in a row would stop the run.
FIRST, EVERY = 6, 3
SAID = {"nan": "the loss or its gradient is not finite", "inf": "the loss or its gradient is not finite", "spike": "is a spike"}
OVERRIDES = [f"train.max_steps={STEPS}", "train.save_steps=5", "train.eval_steps=20", "train.save_total_limit=1000",
             "train.spike_factor=50"]


def check_finite(path):
    """Every f32 of a safetensors file."""
    data = path.read_bytes()
    length, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        values = array.array("f", data[8 + length + begin:8 + length + end])
        if not all(map(math.isfinite, values)):
            raise Failure(f"{path}: {name} holds values that are not finite")


class BadGradients:
    """soak: has the reference's prepared rows."""

    def __init__(self, soak, preload):
        self.soak, self.preload = soak, preload

    def train(self, place, policy, plan):
        folder = self.soak.folder / place
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.soak.reference / "run" / "prepared", folder / "run" / "prepared")
        (folder / "data").symlink_to(self.soak.folder / "data")
        job = Job(self.soak.limner, folder, self.soak.arguments("train") + OVERRIDES + [f"train.bad_step={policy}"],
                  TRAINING_RANKS, LD_PRELOAD=str(self.preload),
                  LIMNER_BAD_GRADIENTS=",".join(f"{step}:{kind}:{rank}" for step, (kind, rank) in plan.items()))
        code = job.wait(300)
        if code is None:
            job.end()
            raise Failure(f"bad gradients, {policy}: training does not end:\n{job.output()}")
        for weights in folder.glob("run/checkpoints/**/*.safetensors"):
            check_finite(weights)
        return folder, code, job.output()

    def draw(self):
        dice = self.soak.dice
        steps = range(FIRST + dice.randrange(EVERY), STEPS, EVERY)
        return {step: (dice.choice(list(SAID)), dice.randrange(TRAINING_RANKS)) for step in steps}

    @staticmethod
    def weights(folder):
        last = max(folder.glob("run/checkpoints/step-*"))
        return (last / "limner_state" / "optimizer.safetensors").read_bytes()

    def skipped(self, plan):
        """Skipping is the same whatever was wrong: the weights are those of a run with other bad values in these steps."""
        folder, code, said = self.train("bad", "skip", plan)
        if code != 0:
            raise Failure(f"bad gradients were to be skipped, training ended with {code}:\n{said}")
        lines = re.findall(r"train: (.*); the step is skipped", said)
        found = {int(re.search(r"step (\d+)", line)[1]): line for line in lines}
        if sorted(found) != sorted(plan):
            raise Failure(f"bad gradients in steps {sorted(plan)}, found in {sorted(found)}")
        for step, (kind, _) in plan.items():
            if SAID[kind] not in found[step]:
                raise Failure(f"step {step} was made {kind}: {found[step]}")
        other = {step: ("nan", 0) for step in plan}
        expected, code, said = self.train("bad-other", "skip", other)
        if code != 0 or self.weights(folder) != self.weights(expected):
            raise Failure(f"the weights after {plan} are not those of a run that skipped the same steps ({code})")

    def stopped(self, plan):
        step = self.soak.dice.choice(list(plan))
        _, code, said = self.train("bad", "stop", {step: plan[step]})
        if code != 78 or SAID[plan[step][0]] not in said or f"step {step} " not in said.replace(";", " "):
            raise Failure(f"a bad gradient in step {step} ({plan[step]}): training ended with {code}:\n{said}")

    def trials(self, count):
        name = "bad gradients"
        if not self.preload.exists():
            raise Failure(f"{self.preload} is missing: build gradient_preload, or name it with --preload")
        while self.soak.tally.count(name) < count:
            left = count - self.soak.tally.count(name)
            plan = dict(list(self.draw().items())[:max(left - 1, 1)])
            self.skipped(plan)
            self.stopped(plan)
            kinds = [kind for kind, _ in plan.values()]
            self.soak.tally.add(name, len(plan) + 1, runs=3, **{kind: kinds.count(kind) for kind in kinds})
