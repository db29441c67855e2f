/** The document of the open image, and its undo history. */

import { History } from "../core/history.ts";
import { type Document, type DocumentStep, openDocument } from "./document.ts";
import type { Operation } from "./types.ts";

export class DocumentStore {
  document = $state.raw(openDocument([]));
  private history = $state.raw(History.empty<Document, Operation>());
  readonly canUndo = $derived(this.history.toUndo !== null);
  readonly canRedo = $derived(this.history.toRedo !== null);

  /** @param changed hears of every other document, with the operations that tell the server */
  constructor(private readonly changed: (before: Document, operations: readonly Operation[]) => void) {}

  /** Another document from elsewhere: there is nothing to undo. */
  startWith(document: Document): void {
    this.history = History.empty();
    this.goTo(document, []);
  }

  commit(step: DocumentStep): void {
    this.history = this.history.with(step);
    this.goTo(step.after, step.forward);
  }

  undo(): void {
    const step = this.history.toUndo;
    if (!step) return;
    this.history = this.history.undone();
    this.goTo(step.before, step.backward);
  }

  redo(): void {
    const step = this.history.toRedo;
    if (!step) return;
    this.history = this.history.redone();
    this.goTo(step.after, step.again);
  }

  private goTo(document: Document, operations: readonly Operation[]): void {
    const before = this.document;
    this.document = document;
    this.changed(before, operations);
  }
}
