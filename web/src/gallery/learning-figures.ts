/** Figures of learning runs as people read them. */
import type { LearningRun, StageFigures } from "../api/types.ts";
import { fixed, number } from "../texts/format.ts";
import { m, said } from "../texts/messages.ts";
import type { Line } from "./figures.ts";

export const STAGE_NAMES: Readonly<Record<StageFigures["stage"], string>> = said({
  drawn: m.learning_stage_drawn,
  mixed: m.learning_stage_mixed,
  verified: m.learning_stage_verified,
});
export const RUN_STATES: Readonly<Record<LearningRun["state"], string>> = said({
  waiting: m.learning_state_waiting,
  running: m.learning_state_running,
  done: m.learning_state_done,
  cancelled: m.learning_state_cancelled,
  failed: m.learning_state_failed,
});
const STEPS: Readonly<Record<LearningRun["progress"]["stage"], string>> = said({
  waiting: m.learning_state_waiting,
  preparing: m.learning_step_preparing,
  encoding: m.learning_step_encoding,
  training: m.learning_step_training,
  measuring: m.learning_step_measuring,
});

/** Columns of the table of versions: name in the figures, as people read it. */
export const MEASURES: Readonly<
  Record<LearningRun["kind"], readonly (readonly [name: string, title: () => string])[]>
> = {
  model: [
    ["1", m.learning_measure_1],
    ["3", m.learning_measure_3],
    ["5", m.learning_measure_5],
    ["box", m.learning_measure_box],
  ],
  detector: [
    ["ap", () => "AP"],
    ["ap50", () => "AP50"],
    ["ar100", () => "AR@100"],
    ["recall", m.learning_measure_recall],
  ],
};

const three = (value: number) => fixed(value, 3);
const signed = (value: number) => `${value < 0 ? "−" : "+"}${three(Math.abs(value))}`;

export const isOpen = ({ state }: LearningRun): boolean => state === "waiting" || state === "running";

export function timeLeft(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 90) return m.learning_left_seconds({ seconds: Math.max(1, Math.round(seconds)) });
  return m.learning_left_minutes({ minutes: number(Math.round(seconds / 60)) });
}

/** Where a run stands. */
export function progressText({ state, progress }: LearningRun): string {
  if (state === "waiting")
    return progress.stage === "waiting" ? m.learning_waits_turn() : m.learning_waits_on();
  const { stage, step, steps, loss } = progress;
  const parts = [STEPS[stage]];
  if (step > 0)
    parts.push(steps > 0 ? m.learning_progress_of({ step, steps }) : m.learning_progress_step({ step }));
  if (typeof loss === "number") parts.push(m.learning_progress_loss({ loss: three(loss) }));
  const left = timeLeft(progress.remaining);
  if (left) parts.push(left);
  return parts.reduce((before, next) => m.app_listed({ before, next }));
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
  if (!figures.held_out) return m.learning_verdict_unmeasured();
  const on = { masks: m.gallery_masks_counted({ count: figures.measured ?? 0 }), count: figures.held_out };
  const { mean } = figures.differences;
  if (kind === "model" && mean) {
    const shown = { mean: signed(mean.value), low: signed(mean.low), high: signed(mean.high), ...on };
    return figures.better ? m.learning_verdict_better(shown) : m.learning_verdict_not_better(shown);
  }
  if (figures.better === null || figures.better === undefined) return m.learning_verdict_first(on);
  const compared = {
    own: three(figures.second.ap ?? 0),
    other: three(figures.first.ap ?? 0),
    name: figures.first_name ?? "",
    ...on,
  };
  if (figures.by === "cross_validation")
    return figures.better
      ? m.learning_verdict_asked_crossed(compared)
      : m.learning_verdict_not_asked_crossed(compared);
  return figures.better ? m.learning_verdict_asked(compared) : m.learning_verdict_not_asked(compared);
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
    name: title(),
    color: COLORS[index] ?? "var(--text)",
    dash: index % 2 ? [8, 4] : [],
    values: [
      ...(begins ? [begins.run.figures.first[name] ?? 0] : []),
      ...known.map(({ run }) => run.figures.second[name] ?? 0),
    ],
  }));
  return { numbers: [...(begins ? [begins.number - 1] : []), ...known.map(({ number }) => number)], lines };
}
