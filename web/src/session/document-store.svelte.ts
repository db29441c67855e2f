/** The document of the open image, and its undo history. */

import type { UndoSteps } from "../api/types.ts";
import { History } from "../core/history.ts";
import { newUuid } from "../core/ids.ts";
import { type Document, type DocumentStep, openDocument } from "./document.ts";
import { historyOf } from "./past-steps.ts";
import type { Operation, OperationStep } from "./types.ts";

export class DocumentStore {
  document = $state.raw(openDocument([]));
  /** Why nothing can be taken back from where the history begins; empty when there is no more to it than that. */
  ended = $state.raw("");
  private history = $state.raw(History.empty<Document, Operation>());
  readonly canUndo = $derived(this.history.toUndo !== null);
  readonly canRedo = $derived(this.history.toRedo !== null);
  /** Where the history begins that this page made. */
  private bottom = openDocument([]);

  /**
   * @param changed hears of every other document, with the operations that tell the server and the step they belong to
   * @param mayChange whether steps are taken at all; if not, the person is told
   */
  constructor(
    private readonly changed: (
      before: Document,
      operations: readonly Operation[],
      step: OperationStep | null,
    ) => void,
    private readonly mayChange: () => boolean = () => true,
  ) {}

  /** Another document from elsewhere: there is nothing to undo until {@link precede}. */
  startWith(document: Document): void {
    this.history = History.empty();
    this.bottom = document;
    this.ended = "";
    this.goTo(document, [], null);
  }

  /**
   * What the person did before, here or in another browser, can be undone too.
   * @param ended why that ends where it does, for people
   */
  precede({ done, undone }: Pick<UndoSteps, "done" | "undone">, ended: string): void {
    const { ids } = this.history;
    const unknown = (steps: UndoSteps["done"]) => steps.filter(({ id }) => !ids.has(id));
    this.history = this.history.after(historyOf(this.bottom, unknown(done), unknown(undone)));
    this.ended = ended;
  }

  /** Names the step that is undone next. */
  get newest(): string | null {
    return this.history.toUndo?.id ?? null;
  }

  commit(step: DocumentStep): void {
    if (!this.mayChange()) return;
    const id = newUuid();
    this.history = this.history.with({ ...step, id });
    this.goTo(step.after, step.forward, { id, way: "done" });
  }

  undo(): void {
    const step = this.history.toUndo;
    if (!step || !this.mayChange()) return;
    this.history = this.history.undone();
    this.goTo(step.before, step.backward, step.id ? { id: step.id, way: "undone" } : null);
  }

  redo(): void {
    const step = this.history.toRedo;
    if (!step || !this.mayChange()) return;
    this.history = this.history.redone();
    this.goTo(step.after, step.again, step.id ? { id: step.id, way: "redone" } : null);
  }

  private goTo(document: Document, operations: readonly Operation[], step: OperationStep | null): void {
    const before = this.document;
    this.document = document;
    this.changed(before, operations, step);
  }
}
