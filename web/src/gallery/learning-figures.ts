/** Figures of learning runs as people read them. */
import type { LearningRun, StageFigures } from "../api/types.ts";
import type { Line } from "./figures.ts";

export const STAGE_NAMES: Readonly<Record<StageFigures["stage"], string>> = {
  drawn: "1 Drawn with the model's help",
  mixed: "2 Partly suggested",
  verified: "3 Suggested and verified",
};
export const RUN_STATES: Readonly<Record<LearningRun["state"], string>> = {
  waiting: "Queued",
  running: "Training",
  done: "Done",
  cancelled: "Cancelled",
  failed: "Failed",
};
const STEPS: Readonly<Record<LearningRun["progress"]["stage"], string>> = {
  waiting: "Queued",
  preparing: "Preparing",
  encoding: "Preparing views of the images",
  training: "Training",
  measuring: "Measuring on held-out images",
};

/** Columns of the table of versions: name in the figures, as people read it. */
export const MEASURES: Readonly<Record<LearningRun["kind"], readonly (readonly [string, string])[]>> = {
  model: [
    ["1", "1 click"],
    ["3", "3 clicks"],
    ["5", "5 clicks"],
    ["box", "Box"],
  ],
  detector: [
    ["ap", "AP"],
    ["ap50", "AP50"],
    ["ar100", "AR@100"],
    ["recall", "Recall"],
  ],
};

const three = (value: number) =>
  value.toLocaleString(undefined, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
const signed = (value: number) => `${value < 0 ? "−" : "+"}${three(Math.abs(value))}`;

export const isOpen = ({ state }: LearningRun): boolean => state === "waiting" || state === "running";

export function timeLeft(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 90) return `about ${Math.max(1, Math.round(seconds))} s left`;
  return `about ${Math.round(seconds / 60)} min left`;
}

/** Where a run stands. */
export function progressText({ state, progress }: LearningRun): string {
  if (state === "waiting") return progress.stage === "waiting" ? "Waits for its turn" : "Waits to go on";
  const { stage, step, steps, loss } = progress;
  const parts = [STEPS[stage]];
  if (step > 0) parts.push(steps > 0 ? `${step} of ${steps}` : `step ${step}`);
  if (typeof loss === "number") parts.push(`loss ${three(loss)}`);
  const left = timeLeft(progress.remaining);
  if (left) parts.push(left);
  return parts.join(", ");
}

/** A figure of the result, with what it was before. */
export function measured({ figures }: LearningRun, name: string): string {
  const { [name]: after } = figures.second;
  const { [name]: before } = figures.first;
  if (after === undefined) return "–";
  return before === undefined ? three(after) : `${three(after)} (${signed(after - before)})`;
}

/** Whether a version is better than what it was made from, and how sure that is. */
export function verdict({ kind, figures }: LearningRun): string {
  if (!figures.held_out) return "Not measured: no image is held out yet.";
  const on = `${figures.measured ?? 0} masks of ${figures.held_out} held-out ${figures.held_out === 1 ? "image" : "images"}`;
  const { mean } = figures.differences;
  if (kind === "model" && mean) {
    const interval = `mean ${signed(mean.value)}, 95 % interval ${signed(mean.low)} to ${signed(mean.high)}`;
    return `${figures.better ? "Better" : "Not shown to be better"}: ${interval}, on ${on}.`;
  }
  if (figures.better === null || figures.better === undefined) return `The first one, on ${on}.`;
  return `${figures.better ? "Higher" : "No higher"} AP than the one before, on ${on}.`;
}

const COLORS = ["var(--accent)", "var(--good)", "var(--warn)", "var(--bad)"];

/** Measured figures over the rounds of one kind, the oldest first; a round that was not measured is left out. */
export function roundLines(
  runs: readonly LearningRun[],
  kind: LearningRun["kind"],
): { numbers: number[]; lines: Line[] } {
  const rounds = runs.filter((run) => run.kind === kind && run.state === "done").toReversed();
  const known = rounds.flatMap((run, index) => (run.figures.held_out ? [{ run, number: index + 1 }] : []));
  const [first] = known;
  const begins = first && Object.keys(first.run.figures.first).length > 0 ? first : null;
  const lines = MEASURES[kind].map(([name, title], index) => ({
    name: title,
    color: COLORS[index] ?? "var(--text)",
    dash: index % 2 ? [8, 4] : [],
    values: [
      ...(begins ? [begins.run.figures.first[name] ?? 0] : []),
      ...known.map(({ run }) => run.figures.second[name] ?? 0),
    ],
  }));
  return { numbers: [...(begins ? [begins.number - 1] : []), ...known.map(({ number }) => number)], lines };
}
