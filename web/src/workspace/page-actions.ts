/** What the actions that belong to the page around the image do, by its parts. */

import { m } from "../texts/messages.ts";
import type { Page } from "../tools/actions/action.ts";
import type { Commenting } from "./commenting.ts";
import type { ExhaustivityStatements } from "./exhaustivity.ts";
import type { KeyboardPointer } from "./keyboard-pointer.svelte.ts";
import type { MarkActions } from "./mark-actions.svelte.ts";
import type { Walk } from "./walk.ts";
import type { Workspace } from "./workspace.svelte.ts";

/** What only the page's own components can do. */
type OfComponents = Pick<
  Page,
  "toggleTidy" | "toggleLabels" | "tellSaving" | "findCategory" | "openHistory" | "openSheet" | "openPalette"
>;

interface Parts extends OfComponents {
  readonly workspace: Workspace;
  readonly walk: Walk;
  readonly marking: MarkActions;
  readonly statements: ExhaustivityStatements;
  readonly commenting: Commenting;
  readonly pointer: KeyboardPointer;
  readonly fail: (error: Error) => void;
}

export function pageActions(parts: Parts): Page {
  const { workspace, walk, marking, statements, commenting, pointer, fail, ...ofComponents } = parts;
  const { session, objects, suggesting, closer, comments } = workspace;
  return {
    ...ofComponents,
    get ready() {
      return session.image !== null;
    },
    step: (direction) => void walk.step(direction),
    get canWork() {
      return marking.annotates;
    },
    submit: () => void marking.submit(),
    skip: () => marking.ask("skip"),
    nextWaiting: () => void marking.goOn(),
    get canApprove() {
      const state = workspace.image?.mark.state ?? null;
      return marking.reviews && state !== null && state !== "skipped" && state !== "approved";
    },
    approve: () => void marking.approve(),
    nextSubmitted: () => void marking.goOnReviewing(),
    paste: () => {
      if (objects.paste() === "outside") fail(new Error(m.annotate_paste_outside()));
    },
    propagate: () => {
      if (workspace.image?.next_id != null) workspace.propagator.take();
      walk.step(1);
    },
    findEverything: () => void suggesting.everything(),
    findDetected: () => void suggesting.detected(),
    findSimilar: () => void suggesting.similar(objects.selected.map(({ uid }) => uid)),
    lookCloser: () => closer.toggle(),
    point: (label) => pointer.point(label),
    get canSayExhaustive() {
      return statements.category !== null;
    },
    sayExhaustive: (exhaustive) => statements.answer(exhaustive),
    get canComment() {
      return workspace.rights.comments;
    },
    comment: () => commenting.begin(),
    get hasComments() {
      return comments.open.length > 0;
    },
    nextComment: () => commenting.next(),
  };
}
