/** What marking needs of the page around an image: its session, its neighbours, and who tells what was done. */

import type { Services } from "../app/services.ts";
import type { MarkHost } from "./mark-actions.svelte.ts";
import type { Walk } from "./walk.ts";
import type { Workspace } from "./workspace.svelte.ts";

interface OfPage {
  /** Whether the image's annotations are there. */
  ready(): boolean;
  go(imageId: number): void;
}

export function markHost(
  { toasts, view }: Pick<Services, "toasts" | "view">,
  workspace: Workspace,
  walk: Walk,
  { ready, go }: OfPage,
): MarkHost {
  const { session } = workspace;
  return {
    get image() {
      return workspace.image;
    },
    get ready() {
      return ready();
    },
    get empty() {
      return session.list.annotations.length === 0;
    },
    get asksEmpty() {
      return view.settings.askEmpty;
    },
    get annotates() {
      return workspace.rights.annotates;
    },
    get reviews() {
      return workspace.rights.reviews;
    },
    get listed() {
      return walk.listed;
    },
    keep: () => session.drawing.keep(),
    mark: (state, note, to) => workspace.mark(state, note, to),
    nextSubmitted: async () => workspace.image && (await workspace.marks.nextSubmitted(workspace.image)),
    nextWaiting: async () => workspace.image && (await workspace.handouts.next(workspace.image.id)),
    go,
    tell: (message, hint = "") => toasts.info(view.keymap.inText(message), view.keymap.inText(hint)),
    offer: (message, undo) => toasts.offer(message, undo),
    fail: (error) => toasts.error(error),
  };
}
