/** Undo and redo as values: a step knows the state on both sides of it and what to tell the server in either direction. */

export interface Step<State, Operation> {
  /** Names it among the steps of the person, in every browser; of one that only this page knows there is none. */
  readonly id?: string;
  readonly before: State;
  readonly after: State;
  /** For the server, when the step is done. */
  readonly forward: readonly Operation[];
  /** For the server, when the step is undone. */
  readonly backward: readonly Operation[];
  /** For the server, when the step is done again: what was created once is restored from then on. */
  readonly again: readonly Operation[];
}

/** Steps that are kept. Those of a large mask hold some 50 kB each of what they changed: memory must not grow for ever. */
export const MAX_STEPS = 1000;

/** Immutable; states are shared between steps, so that a long history costs little. */
export class History<State, Operation> {
  private constructor(
    private readonly steps: readonly Step<State, Operation>[],
    private readonly done: number,
  ) {}

  static empty<State, Operation>(): History<State, Operation> {
    return new History<State, Operation>([], 0);
  }

  /** @param done how many of the steps, from the first on, are done */
  static of<State, Operation>(
    steps: readonly Step<State, Operation>[],
    done: number,
  ): History<State, Operation> {
    return new History(steps, done);
  }

  /** Names of all steps that have one. */
  get ids(): ReadonlySet<string> {
    return new Set(this.steps.flatMap(({ id }) => (id ? [id] : [])));
  }

  /** With what was done before all of it. What was undone there is forgotten once something new was done here. */
  after(older: History<State, Operation>): History<State, Operation> {
    if (this.steps.length === 0) return older;
    const before = older.steps.slice(0, older.done);
    const spare = Math.max(0, before.length + this.steps.length - MAX_STEPS);
    return new History(
      [...before, ...this.steps].slice(spare),
      Math.max(0, before.length + this.done - spare),
    );
  }

  /** The step that {@link undone} takes back, null at the start. */
  get toUndo(): Step<State, Operation> | null {
    return this.steps[this.done - 1] ?? null;
  }

  /** The step that {@link redone} does again, null at the end. */
  get toRedo(): Step<State, Operation> | null {
    return this.steps[this.done] ?? null;
  }

  /** With a new step; those that were undone are forgotten, and the oldest beyond {@link MAX_STEPS}. */
  with(step: Step<State, Operation>): History<State, Operation> {
    const steps = [...this.steps.slice(0, this.done), step].slice(-MAX_STEPS);
    return new History(steps, steps.length);
  }

  undone(): History<State, Operation> {
    return new History(this.steps, Math.max(0, this.done - 1));
  }

  redone(): History<State, Operation> {
    return new History(this.steps, Math.min(this.steps.length, this.done + 1));
  }
}
