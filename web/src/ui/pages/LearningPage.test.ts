// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { Client } from "../../api/client.ts";
import type { ProjectEvents } from "../../api/events.ts";
import type { LearningClient } from "../../api/learning.ts";
import type { LearningRun } from "../../api/types.ts";
import { contextOf } from "../../app/services.ts";
import { Toasts } from "../../app/toasts.svelte.ts";
import type { ProjectStreams } from "../../sync/streams.ts";
import LearningPage from "./LearningPage.svelte";

vi.mock("../statistics/Chart.svelte", async () => import("../components/Logo.svelte")); // there is no canvas here

const person = userEvent.setup();
const run = (more: Partial<LearningRun>): LearningRun =>
  ({
    id: 1,
    kind: "model",
    state: "running",
    parent: "samlet",
    result: null,
    snapshot: "then",
    user: "Ada",
    created: "2026-01-01T00:00:00Z",
    message: "",
    in_use: false,
    figures: {
      better: null,
      held_out: 0,
      measured: null,
      masks: null,
      first: {},
      second: {},
      differences: {},
    },
    progress: { stage: "waiting", step: 0, steps: 0, loss: null, remaining: null },
    ...more,
  }) as LearningRun;

function show(runs: LearningRun[], permissions = ["project:manage", "statistics:read"]) {
  let events: ProjectEvents = {};
  const learning = {
    runs: vi.fn(async () => runs),
    stages: vi.fn(async () => ({ stages: [], accepted: 3, refused: 1, left_out: 0 })),
    begin: vi.fn(async () => runs[0]),
    steer: vi.fn(async () => runs[0]),
    use: vi.fn(async () => ({ model: { name: "samlet", title: "" }, job: { id: 1 } })),
    rollBack: vi.fn(async () => ({ model: { name: "samlet", title: "" }, job: null })),
  };
  const toasts = new Toasts();
  const streams = {
    listen: (_id: number, handlers: ProjectEvents) => {
      events = handlers;
      return () => undefined;
    },
  };
  const context = contextOf({
    client: { project: vi.fn(async () => ({ id: 3, name: "Coins", permissions })) } as unknown as Client,
    learning: learning as unknown as LearningClient,
    streams: streams as unknown as ProjectStreams,
    toasts,
    account: { user: null } as never,
    saving: { status: null } as never,
  });
  render(LearningPage, { props: { projectId: 3 }, context });
  return { learning, toasts, tell: () => events };
}

vi.mock("../components/TopBar.svelte", async () => import("../components/Logo.svelte")); // has tests of its own

afterEach(cleanup);

it("begins a run with what was chosen", async () => {
  const { learning } = show([]);
  await person.click(await screen.findByRole("button", { name: "Train a new version" }));
  expect(learning.begin).toHaveBeenCalledWith(3, {
    kind: "model",
    learn_from: "annotated",
    adapt: "decoder",
    minutes: 10,
  });
});

it("shows how a run goes on as events tell it, cancels it, and begins no second one", async () => {
  const { learning, tell } = show([run({})]);
  await screen.findByRole("article", { name: "Model, run 1" });
  expect(screen.getByRole("button", { name: "Train a new version" })).toHaveProperty("disabled", true);
  const progress = { stage: "training", step: 5, steps: 10, loss: 0.25, remaining: null } as const;
  tell().learning?.({
    run_id: 1,
    kind: "model",
    state: "running",
    progress,
    result: null,
    better: null,
    message: "",
  });
  expect(await screen.findByText("Training, 5 of 10, loss 0.250")).toBeTruthy();
  await person.click(screen.getByRole("button", { name: "Cancel" }));
  expect(learning.steer).toHaveBeenCalledWith(1, "cancel");
});

it("asks before a version is used that is not shown to be better, and uses a better one at once", async () => {
  const known = { better: true, held_out: 1, measured: 5, first: {}, second: {}, differences: {} };
  const figures = known as unknown as LearningRun["figures"];
  const { learning } = show([
    run({ id: 2, state: "done", result: "second" }),
    run({ id: 1, state: "done", result: "first", figures }),
  ]);
  const [doubtful, better] = await screen.findAllByRole("button", { name: "Use in this project" });
  await person.click(better as HTMLElement);
  expect(learning.use).toHaveBeenCalledWith(1, false);
  await person.click(doubtful as HTMLElement);
  expect(learning.use).toHaveBeenCalledTimes(1);
  await person.click(screen.getByRole("button", { name: "Use it" }));
  expect(learning.use).toHaveBeenLastCalledWith(2, true);
});

it("offers the way back from the version in use, and a cancelled run to go on with", async () => {
  const { learning } = show([
    run({ id: 2, state: "cancelled" }),
    run({ id: 1, state: "done", result: "first", in_use: true }),
  ]);
  await person.click(await screen.findByRole("button", { name: "Roll back to samlet" }));
  expect(learning.rollBack).toHaveBeenCalledWith(3);
  await person.click(screen.getByRole("button", { name: "Resume" }));
  expect(learning.steer).toHaveBeenCalledWith(2, "resume");
});

it("lets those look who do not manage the project", async () => {
  show([run({ state: "done", result: "first" })], []);
  await screen.findByRole("article", { name: "Model, run 1" });
  expect(screen.queryByRole("button", { name: "Use in this project" })).toBeNull();
  expect(screen.queryByRole("button", { name: "Train a new version" })).toBeNull();
});
