"""A project that learns, from its first photo to the use of its own model, in a real Chromium.

``python -m tests.e2e.measure_learning DIR --out FOLDER`` starts a server of its own with 40 photos of DIR (pairs X.jpg
and X.json, as ``limner bench engine`` takes them; their masks stay with the annotator). A scripted annotator draws the
objects of the first photos, trains a detector and a version of the model on the page *Learning*, has the project use
it, and opens the next photos with suggestions, which it accepts, corrects or refuses. What it does next it finds out in
Python, by the model that the project uses and the masks that it knows (``limner.bench.engine.annotator``); every click
and key goes to the page, and the masks that are measured are those that the server has afterwards. What clicks do not
reach is brushed; the brush's strokes are not made in the page, the mask that they would leave is sent to the server.

Seconds are those of the cost model of ``limner bench engine``. The same photos by hand, with the model as installed,
are what the prefilled ones are compared with: different photos are of different difficulty.

The server's home and what was done lie in FOLDER, so that a run that was stopped, or that ``--pause-after`` ended, goes
on with the same command. A photo that was begun and not finished is left out; the next one takes its place.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import click
import numpy as np
import torch
from numpy.typing import NDArray
from playwright.sync_api import Page, Route, expect, sync_playwright
from playwright.sync_api import TimeoutError as NotInTimeError

from limner.atomic import write_file
from limner.bench.engine.annotator import (
    Annotated,
    Kept,
    Mask,
    OpenImage,
    Suggested,
    Wish,
    brush,
    by_hand,
    correct,
    draw,
    nested,
)
from limner.bench.engine.cost import Brushing, Cost
from limner.bench.engine.figures import stage_figures
from limner.models.registry import load_model
from limner.quality.thresholds import Decision
from limner.segment.predictor import Predictor
from limner.train.evaluation import mask_iou
from limner.train.photos import Photo, find_photos
from limner.vocabulary import rle
from limner.vocabulary.prompts import Prompts
from tests.e2e.annotate_page import AnnotatePage
from tests.e2e.api import Api, Project
from tests.e2e.gauges import TIME_PREVIEWS, launch, signed_in_page
from tests.e2e.server import LimnerServer, start_server, stop_server
from tests.e2e.waiting import wait_until

PROJECT_PHOTOS = 40
PATIENCE = 3_600_000  # ms, for a training
WATCHED = 5_000  # ms of it, before a picture is taken
MOVES = 60  # of the pointer, for each figure of previews
COST = Cost()
NO_MASK = np.zeros((1, 1), np.bool_)  # of masks whose figures alone are known


class Recorder(OpenImage):
    """Remembers what it was asked on one object, and the IoU of each answer with the mask that is wanted."""

    def begin(self, wanted: Mask) -> None:
        """The next questions are about this mask (H, W)."""
        self.wanted = wanted
        self.asked: list[tuple[Prompts, float]] = []

    def answer(self, prompts: Prompts, previous: NDArray[np.float32] | None) -> tuple[Mask, NDArray[np.float32]]:
        mask, logits = super().answer(prompts, previous)
        self.asked.append((prompts, mask_iou(mask, self.wanted)))
        return mask, logits


@dataclass
class Server:
    """What the script asks of the server beside the page."""

    server: LimnerServer
    api: Api
    project_id: int

    def get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.api.token}"}
        request = urllib.request.Request(f"{self.server.address}/api/v1{path}", headers=headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def annotations(self, image_id: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"/images/{image_id}/annotations")["annotations"]
        return found

    def runs(self) -> list[dict[str, Any]]:
        """The learning runs, newest first."""
        found: list[dict[str, Any]] = self.get(f"/projects/{self.project_id}/learning")["runs"]
        return found

    def model(self) -> str:
        """Name of the model that the project uses."""
        return str(self.get(f"/projects/{self.project_id}")["model"]["name"])


@dataclass
class Annotator:
    """Works on photos in the page, one after the other."""

    page: Page
    project: Project
    at: Server
    wish: Wish = field(default_factory=Wish)

    def __post_init__(self) -> None:
        self.use(self.at.model())

    def use(self, model: str) -> None:
        """From now on the page's answers are by this model."""
        loaded = load_model(model, self.at.server.home)
        self._predictor, self._subject = Predictor(loaded), Recorder(loaded.model)

    def work_on(self, photo: Photo, *, suggestions: bool) -> Annotated:
        """Annotate a photo until all its objects have masks that are good enough."""
        work = AnnotatePage(self.page, only(self.project, photo), photo.image_path.name)
        image_id = int(urlsplit(self.page.url).path.rsplit("/", 1)[-1])
        pixels = photo.image()
        self._subject.look_at(pixels, self._predictor.embed(pixels))
        left, result = photo.masks(), Annotated(len(photo.segmentations))
        brushed: list[tuple[str, Mask]] = []
        if suggestions:
            self._verify(work, image_id, left, result, brushed)
        for wanted in left:
            self._subject.begin(wanted)
            draw(self._subject, wanted, self.wish, COST, result)
            self._click(work, first=True)
            self._save(work, image_id, result.kept[-1], wanted, brushed)
        work.saved()
        for uid, mask in brushed:
            self._brush(image_id, uid, mask)
        self._check(image_id, photo, result)
        return result

    def _verify(
        self, work: AnnotatePage, image_id: int, left: list[Mask], result: Annotated, brushed: list[tuple[str, Mask]]
    ) -> None:
        """Decide on all suggestions above the threshold, the surest first, by keys."""
        panel = self.page.get_by_role("region", name="Suggestions")
        with self.page.expect_response(re.compile(r"/suggestions$")):
            self.page.keyboard.press("Shift+o")
        expect(panel.get_by_role("button", name=re.compile("Find everything"))).to_be_enabled()
        deadline = time.monotonic() + PATIENCE / 1000  # the process that makes them may have to start
        while self._found(image_id)["activity"] is not None:
            assert time.monotonic() < deadline, "suggestions were not made"
            self.page.wait_for_timeout(200)
        if not self._open(image_id):
            return
        self.page.get_by_label("Least score").fill(str(self.wish.threshold))
        work.leave()
        while found := self._open(image_id):
            suggestion = found[0]
            mask = rle.decode(suggestion["segmentation"])
            ious = [mask_iou(mask, wanted) for wanted in left]
            best = int(np.argmax(ious)) if ious else -1
            good = best >= 0 and ious[best] >= self.wish.iou
            of_use = good or (best >= 0 and ious[best] >= self.wish.correctable)
            result.decisions.append(Decision(suggestion["score"], of_use))
            result.spend(COST.verdict)
            self._light(work)
            if good:
                self.page.keyboard.press("Enter")
                result.kept.append(Kept(mask, ious[best], clicks=0, suggested=True))
            elif of_use:
                wanted = left[best]
                self._subject.begin(wanted)
                self.page.keyboard.press("r")
                box = suggestion["prompt"].get("box")
                suggested = Suggested(mask, suggestion["score"], None if box is None else tuple(box))
                correct(self._subject, suggested, wanted, self.wish, COST, result)
                self._click(work, first=False)
                self._save(work, image_id, result.kept[-1], wanted, brushed)
            else:
                self.page.keyboard.press("x")
            if of_use:
                del left[best]
            work.saved()
            wait_until(self.page, partial(self._is_decided, image_id, suggestion["uid"]), "the decision is saved", 50)

    def _light(self, work: AnnotatePage) -> None:
        """Light the surest suggestion: from none, Tab goes there."""
        work.leave()
        self.page.keyboard.press("Escape")
        if self.page.get_by_role("button", name=re.compile("^Refuse")).count() == 0:
            self.page.keyboard.press("Tab")
        expect(self.page.get_by_role("button", name=re.compile("^Refuse"))).to_be_visible()

    def _found(self, image_id: int) -> Any:
        return self.at.get(f"/images/{image_id}/suggestions")

    def _open(self, image_id: int) -> list[dict[str, Any]]:
        """As the page shows them: nobody has decided, sure enough, of no object that is there; best first."""
        saved = [rle.decode(each["segmentation"]) for each in self.at.annotations(image_id)]
        return [
            each
            for each in self._found(image_id)["suggestions"]
            if not each["accepted"]
            and each["score"] >= self.wish.threshold
            and not any(nested(rle.decode(each["segmentation"]), mask) for mask in saved)
        ]

    def _is_decided(self, image_id: int, uid: str) -> bool:
        return all(each["uid"] != uid or each["accepted"] for each in self._found(image_id)["suggestions"])

    def _click(self, work: AnnotatePage, *, first: bool) -> None:
        """Click where the annotator did, and take back what made it worse."""
        asked = self._subject.asked
        if not asked:
            return
        prompts = asked[-1][0]
        for index, ((x, y), label) in enumerate(zip(prompts.points, prompts.labels, strict=True)):
            if first and index == 0:
                self.page.keyboard.down("Alt")  # on top of whatever is there
            self.page.mouse.click(*work.at(x, y), button="left" if label else "right")
            if first and index == 0:
                self.page.keyboard.up("Alt")
            work.candidates.first.wait_for()
            self.page.wait_for_timeout(150)  # the answer to this click has come
        best = int(np.argmax([iou for _, iou in asked]))
        for _ in range(len(asked) - 1 - best):
            self.page.keyboard.press("Control+z")
            self.page.wait_for_timeout(150)

    def _save(
        self, work: AnnotatePage, image_id: int, kept: Kept, wanted: Mask, brushed: list[tuple[str, Mask]]
    ) -> None:
        """Accept what is drawn; what the brush has to do is left for later."""
        known = {each["uid"] for each in self.at.annotations(image_id)}
        count = work.objects.count()
        self.page.keyboard.press("Enter")
        expect(work.objects).to_have_count(count if kept.suggested else count + 1)
        work.saved()
        if kept.brushed:
            made = self.at.annotations(image_id)
            fresh = [each for each in made if each["uid"] not in known] or made
            best = max(fresh, key=lambda each: mask_iou(rle.decode(each["segmentation"]), kept.mask))
            mended, _ = brush(rle.decode(best["segmentation"]), wanted, self.wish.iou)
            brushed.append((best["uid"], mended))

    def _brush(self, image_id: int, uid: str, mask: Mask) -> None:
        revision = self.at.get(f"/images/{image_id}")["revision"]
        segmentation = dict(rle.encode(mask))
        self.at.api.operate(
            image_id, revision, {"kind": "update", "uid": uid, "changes": {"segmentation": segmentation}}
        )

    def _check(self, image_id: int, photo: Photo, result: Annotated) -> None:
        """From here on the masks are those that the server has."""
        saved = [rle.decode(each["segmentation"]) for each in self.at.annotations(image_id)]
        kept = []
        for wanted, before in zip(photo.masks(), _in_order(photo.masks(), result.kept), strict=True):
            best = max(saved, key=lambda mask: mask_iou(mask, wanted))
            kept.append(Kept(best, mask_iou(best, wanted), before.clicks, before.brushing, before.suggested))
        result.kept[:] = kept


def _in_order(objects: Sequence[Mask], kept: Sequence[Kept]) -> list[Kept]:
    """What was kept of each object."""
    return [max(kept, key=lambda each: mask_iou(each.mask, wanted)) for wanted in objects]


def train(
    page: Page, at: Server, what: str, minutes: float | None, out: Path, meanwhile: Callable[[], object]
) -> dict[str, float]:
    """Train from the page, or watch the run that was begun; what it looked like in between is kept as a picture."""
    kind = "detector" if minutes is None else "model"
    run = page.get_by_role("article", name=re.compile(f"{kind.title()}, run")).first
    page.get_by_role("heading", name="Versions").wait_for()
    if not [each for each in at.runs() if each["kind"] == kind]:
        page.get_by_role("combobox", name="Train", exact=True).select_option(what)
        if minutes is not None:
            page.get_by_label("Minutes").fill(str(minutes))
        page.get_by_role("button", name="Train a new version").click()
        run.wait_for()
    if next(each for each in at.runs() if each["kind"] == kind)["state"] != "done":
        expect(run.get_by_role("status")).to_contain_text(re.compile(r"Training.*loss"), timeout=PATIENCE)
        page.wait_for_timeout(WATCHED)
        page.screenshot(path=out / f"training-{kind}.png", full_page=True)
        if minutes is not None:
            meanwhile()
    expect(run).to_contain_text("Done", timeout=PATIENCE)
    ended = next(each for each in at.runs() if each["kind"] == kind)
    began, done = (datetime.fromisoformat(ended[name]) for name in ("created", "updated"))
    seconds = (done - began).total_seconds()
    click.echo(f"{what}: {seconds:.0f} s; {run.inner_text()!r}")
    return {f"{kind}_seconds": round(seconds, 1)}


def prepare(page: Page, at: Server) -> None:
    """Have all photos encoded, which the detector learns from."""
    jobs = f"/projects/{at.project_id}/jobs"
    at.api.post(jobs, b'{"kind": "precompute"}')
    while (job := at.get(jobs)["jobs"][0])["state"] == "running":
        page.wait_for_timeout(1000)
    click.echo(f"{job['done']} photos prepared")


def shorten(steps: int | None, route: Route) -> None:
    """What the page asks for, of a detector with so many steps."""
    asked = route.request.post_data_json if route.request.method == "POST" else None
    if steps is None or asked is None or asked["kind"] != "detector":
        route.continue_()
    else:
        route.continue_(post_data=json.dumps(asked | {"steps": steps}))


def use(page: Page, out: Path) -> str:
    """Have the project use the newest version, knowingly where it is not shown to be better; the verdict."""
    version = page.get_by_role("article", name=re.compile("Model, run"))
    said = version.inner_text()
    version.get_by_role("button", name="Use in this project").click()
    doubt = page.get_by_role("dialog").get_by_role("button", name="Use it")
    with suppress(NotInTimeError):  # it is better: nobody asks
        doubt.click(timeout=3000)
    expect(version).to_contain_text("In use", timeout=PATIENCE)
    page.screenshot(path=out / "used.png", full_page=True)
    return said


class Notes:
    """What was done so far, in a file; begins where the run before ended.

    Attributes:
        content: as JSON.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        empty: dict[str, Any] = {"project_id": None, "begun": [], "by_hand": {}, "prefilled": {}, "figures": {}}
        self.content = json.loads(path.read_bytes()) if path.is_file() else empty

    def keep(self) -> None:
        """Write it down."""
        write_file(self._path, (json.dumps(self.content, indent=1) + "\n").encode())

    def work(self, stage: str) -> list[Annotated]:
        """What came of the photos of a stage; of the masks that were kept there are only the figures."""
        return [_from_json(each) for each in self.content[stage].values()]


def _as_json(work: Annotated) -> dict[str, Any]:
    kept = [
        {"iou": each.iou, "clicks": each.clicks, "brushing": asdict(each.brushing), "suggested": each.suggested}
        for each in work.kept
    ]
    decisions = [asdict(each) for each in work.decisions]
    spent = {"seconds": work.seconds, "flat_seconds": work.flat_seconds}
    return {"objects": work.objects, "kept": kept, "decisions": decisions, **spent}


def _from_json(content: dict[str, Any]) -> Annotated:
    kept = [
        Kept(NO_MASK, each["iou"], each["clicks"], Brushing(**each["brushing"]), each["suggested"])
        for each in content["kept"]
    ]
    decisions = [Decision(**each) for each in content["decisions"]]
    return Annotated(content["objects"], kept, decisions, content["seconds"], content["flat_seconds"])


def only(project: Project, photo: Photo) -> Project:
    """The project with the gallery that lists this photo alone: tiles of others would keep it off the screen."""
    return replace(project, url=f"{project.url}?search={quote(photo.image_path.name)}")


@dataclass
class Run:
    """The whole of it, on a server that is there."""

    options: argparse.Namespace
    photos: Sequence[Photo]
    notes: Notes
    at: Server
    page: Page
    project: Project
    began: float

    def go(self) -> bool:
        """Do what is left; whether all is done."""
        annotator = Annotator(self.page, self.project, self.at)
        if not self._annotate(annotator, "by_hand", suggestions=False):
            return False
        figures, out = self.notes.content["figures"], self.options.out
        self.page.route(re.compile(r"/learning$"), partial(shorten, self.options.detector_steps))
        for name, what, minutes in (
            ("detector_seconds", "A detector that suggests", None),
            ("model_seconds", "A version of the project's model", self.options.minutes),
        ):
            if name not in figures and (minutes is None or minutes > 0):
                if self._late():
                    return False
                if minutes is not None:
                    self._previews("alone")
                self.page.goto(f"{self.project.url}/learning")
                figures |= train(self.page, self.at, what, minutes, out, lambda: self._previews("beside training"))
                self.notes.keep()
        if "model_seconds" in figures and "verdict" not in figures:
            self.page.goto(f"{self.project.url}/learning")
            figures["verdict"] = use(self.page, out)
            self.notes.keep()
        figures["detector"] = self.at.get(f"/projects/{self.at.project_id}/detectors")["detectors"][0]["name"]
        annotator.use(self.at.model())
        if not self._annotate(annotator, "prefilled", suggestions=True):
            return False
        self._show()
        return True

    def _previews(self, name: str) -> None:
        """How long the page takes from a pointer's move to the mask under it, in a tab of its own."""
        page = self.page.context.new_page()
        page.add_init_script(TIME_PREVIEWS)
        work = AnnotatePage(page, only(self.project, self.photos[-1]), self.photos[-1].image_path.name)
        chance = random.Random(0)
        for count in (20, MOVES):  # the first ones warm up
            page.evaluate("() => { window.previews.length = 0; }")
            for _ in range(count):
                x, y = (chance.uniform(0.1, 0.9) * side for side in (work.width, work.height))
                page.mouse.move(*work.at(x, y))
                page.wait_for_timeout(250)
        times: list[float] = page.evaluate("() => window.previews")
        page.close()
        p50, p95 = (round(float(np.quantile(times, share)), 1) for share in (0.5, 0.95))
        figures = self.notes.content["figures"].setdefault("previews", {})
        figures[name] = {"count": len(times), "p50_ms": p50, "p95_ms": p95}
        click.echo(f"pointer to preview, {name}: {json.dumps(figures[name])}")

    def _late(self) -> bool:
        return bool(time.monotonic() - self.began > self.options.pause_after)

    def _annotate(self, annotator: Annotator, stage: str, *, suggestions: bool) -> bool:
        """Work on photos until there are enough of this stage; False where there was no time for all."""
        done: dict[str, Any] = self.notes.content[stage]
        for photo in self.photos:
            if len(done) == self.options.images:
                break
            if photo.sha256 in self.notes.content["begun"]:
                continue
            if self._late():
                return False
            self.notes.content["begun"].append(photo.sha256)
            self.notes.keep()
            work = annotator.work_on(photo, suggestions=suggestions)
            done[photo.sha256] = _as_json(work)
            self.notes.keep()
            click.echo(f"{len(done)} of {self.options.images} {stage}: {work.seconds:.0f} s")
        return True

    def _show(self) -> None:
        """Figures, and the page *Learning* as it looks now; then back to the model before."""
        content, figures = self.notes.content, self.notes.content["figures"]
        second = [photo for photo in self.photos if photo.sha256 in content["prefilled"]]
        stages = {
            "by_hand": self.notes.work("by_hand"),
            "prefilled": self.notes.work("prefilled"),
            "prefilled_photos_by_hand": same_by_hand(second),
        }
        for name, works in stages.items():
            figures[name] = asdict(stage_figures(name, works))
            click.echo(f"{name} {json.dumps(figures[name])}")
        self.page.goto(f"{self.project.url}/learning")
        self.page.get_by_role("heading", name="Stages").wait_for()
        self.page.wait_for_timeout(1000)
        self.page.screenshot(path=self.options.out / "learning.png", full_page=True)
        if "verdict" in figures:
            self.page.get_by_role("button", name=re.compile("Roll back")).click()
            wait_until(self.page, lambda: self.at.model() == "samlet", "the model before is used again", 200)
            figures["rolled_back"] = True
        self.notes.keep()
        settings = {"photos": len(self.photos), "cost": asdict(COST), "wish": asdict(Wish())}
        (self.options.out / "figures.json").write_text(json.dumps(settings | figures, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="for figures, pictures, and what goes on later")
    parser.add_argument("--project", type=int, default=PROJECT_PHOTOS, help="photos of the project")
    parser.add_argument("--images", type=int, default=10, help="by hand, and as many with suggestions")
    parser.add_argument("--minutes", type=float, default=2.0, help="of fine-tuning; 0: none")
    parser.add_argument("--detector-steps", type=int, help="of the detector, instead of as many as the page asks for")
    parser.add_argument("--most", type=int, default=40, help="masks of a photo that is used")
    parser.add_argument("--pause-after", type=float, default=float("inf"), help="seconds; the same command goes on")
    options = parser.parse_args()
    began = time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    usable = [photo for photo in find_photos([options.folder]) if 0 < len(photo.segmentations) <= options.most]
    photos = sorted(usable, key=lambda photo: photo.sha256)[: options.project]
    notes = Notes(options.out / "notes.json")
    server = start_server(options.out.absolute() / "home")
    try:
        with sync_playwright() as playwright:
            browser = launch(playwright)
            page = signed_in_page(browser, server)
            at = opened(server, notes, photos, page)
            project = Project(f"{server.address}/projects/{at.project_id}", lambda images: None)
            done = Run(options, photos, notes, at, page, project, began).go()
            click.echo("done" if done else "not done yet: the same command goes on")
            browser.close()
    finally:
        stop_server(server)


def opened(server: LimnerServer, notes: Notes, photos: Sequence[Photo], page: Page) -> Server:
    """The project with its photos, all of them prepared."""
    api = Api(server)
    if notes.content["project_id"] is not None:
        return Server(server, api, notes.content["project_id"])
    at = Server(server, api, api.create_project(f"Learning {time.time_ns()}", ("object",)))
    for photo in photos:
        api.upload(at.project_id, {photo.image_path.name: photo.image_path.read_bytes()})
    prepare(page, at)
    notes.content["project_id"] = at.project_id
    notes.keep()
    return at


def same_by_hand(photos: Sequence[Photo]) -> list[Annotated]:
    """The photos drawn with the model as installed, in Python alone."""
    loaded = load_model("samlet", Path(tempfile.mkdtemp()))
    predictor, subject = Predictor(loaded), OpenImage(loaded.model)
    results = []
    for photo in photos:
        pixels = photo.image()
        subject.look_at(pixels, predictor.embed(pixels))
        results.append(by_hand(subject, photo.masks(), Wish(), COST))
    return results


if __name__ == "__main__":
    main()
