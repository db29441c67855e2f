/** What an action is, and what it acts on. */

import type { PointLabel } from "../../core/prompts.ts";
import type { Session } from "../../session/session.svelte.ts";
import { m } from "../../texts/messages.ts";
import type { Toolbox } from "../toolbox.svelte.ts";

export const GROUPS = ["Drawing", "Tools", "Clean-up", "Objects", "Suggestions", "Images and view"] as const;
export type Group = (typeof GROUPS)[number];
/** For people. */
export const GROUP_NAMES: Readonly<Record<Group, () => string>> = {
  Drawing: m.tools_group_drawing,
  Tools: m.tools_group_tools,
  "Clean-up": m.tools_group_clean_up,
  Objects: m.tools_group_objects,
  Suggestions: m.tools_group_suggestions,
  "Images and view": m.tools_group_view,
};

/** What shows the image. */
export interface Viewer {
  fit(): void;
  /** Zoom in (+1) or out (−1) by one step. */
  zoomStep(direction: 1 | -1): void;
  /** Show all of what is selected as large as it fits. */
  zoomToSelection(): void;
}

/** What is done to all selected annotations. */
export interface SelectedObjects {
  readonly selected: readonly { readonly uid: string }[];
  readonly clipboard: readonly unknown[];
  copy(): void;
  remove(): void;
  toggleHidden(): void;
  toggleLocked(): void;
  setCategory(id: number | null): void;
  move(by: number): boolean;
}

/** What belongs to the page around the image. */
export interface Page {
  /** Whether an image is open. */
  readonly ready: boolean;
  step(direction: -1 | 1): void;
  /** Whether they may work on images, rather than look at them only. */
  readonly canWork: boolean;
  submit(): void;
  skip(): void;
  nextWaiting(): void;
  /** Whether they may say that the image is as it should be. */
  readonly canApprove: boolean;
  approve(): void;
  nextSubmitted(): void;
  paste(): void;
  /** Look for the selected objects on the next image. */
  propagate(): void;
  /** Look for everything on the image. */
  findEverything(): void;
  /** Look for what looks like the selected objects. */
  findSimilar(): void;
  /** Look for what a detector of the project sees. */
  findDetected(): void;
  /** Look closer at what is seen, or at the whole image again. */
  lookCloser(): void;
  /** Draw masks of clicks without parts that nobody clicked and without small holes, or as the model answers. */
  toggleTidy(): void;
  /** Write on objects what they are, or not any more. */
  toggleLabels(): void;
  /** A point where the keyboard points. */
  point(label: PointLabel): void;
  /** Tell whether everything is saved. */
  tellSaving(): void;
  /** Go to the field that finds a category. */
  findCategory(): void;
  /** Whether there is a category of which they can say whether all of it are annotated. */
  readonly canSayExhaustive: boolean;
  /** Say that all of the category are annotated, or not all; the same again takes it back. */
  sayExhaustive(exhaustive: boolean): void;
  /** Whether they may say something about the image. */
  readonly canComment: boolean;
  /** Say something about the selected object, the place that is pointed at, or else the image. */
  comment(): void;
  /** Whether a thread of comments is open. */
  readonly hasComments: boolean;
  nextComment(): void;
  /** Show who changed the selected object, or the image, and how. */
  openHistory(): void;
  openSheet(): void;
  openPalette(): void;
}

export interface ActionContext {
  readonly session: Session;
  readonly objects: SelectedObjects;
  readonly tools: Toolbox;
  readonly viewer: Viewer;
  readonly page: Page;
}

export interface Action {
  readonly group: Group;
  readonly command: string;
  /** For people: what it does. */
  readonly does: () => string;
  /** Unless somebody chose others. */
  readonly keys: readonly string[];
  /** It changes the image, or what is drawn on it: nothing for who may only look. */
  readonly changes?: true;
  /** Whether there is something to do; without it, always. If not, its key does what it does elsewhere. */
  readonly possible?: (context: ActionContext) => boolean;
  readonly run: (context: ActionContext) => void;
  /** It lasts for as long as its key is down, and this ends it. */
  readonly release?: (context: ActionContext) => void;
  /** A key that is held down does it once. */
  readonly once?: true;
}
