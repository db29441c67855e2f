/** What a command does to the image that is annotated. */

import { isHandTool } from "../session/mask-target.ts";
import type { Session } from "../session/session.svelte.ts";
import type { Command } from "./command-table.ts";

/** What shows the image. */
export interface Viewer {
  fit(): void;
  /** Zoom in (+1) or out (−1) by one step. */
  zoom(direction: 1 | -1): void;
}

/** @returns false when there was nothing to do here, so that the key may do what it does elsewhere */
export function perform(command: Command, session: Session, viewer: Viewer): boolean {
  const selectedUid = session.selection.uid;
  switch (command) {
    case "cycle":
    case "cycleBack":
      if (session.draft.candidates.length === 0 && !session.draft.decoding) return false;
      session.drawing.cycle(command === "cycle" ? 1 : -1);
      return true;
    case "accept":
      if (session.draft.active) session.drawing.accept();
      else if (!selectedUid) return false;
      else if (isHandTool(session.tool))
        session.selection.select(null); // what it changed is saved already
      else session.drawing.reopen(selectedUid);
      return true;
    case "drop":
      if (session.draft.active) session.drawing.drop();
      else session.selection.select(null);
      return true;
    case "removeLastPrompt":
      session.drawing.removeLastPrompt();
      return true;
    case "undo":
      session.store.undo();
      return true;
    case "redo":
      session.store.redo();
      return true;
    case "remove":
      if (selectedUid) session.remove(selectedUid);
      return selectedUid !== null;
    case "fit":
      viewer.fit();
      return true;
    case "zoomIn":
    case "zoomOut":
      viewer.zoom(command === "zoomIn" ? 1 : -1);
      return true;
    case "hide":
      toggleHidden(session);
      return true;
    case "lock":
      toggleLock(session);
      return selectedUid !== null;
    case "points":
    case "box":
    case "brush":
    case "eraser":
    case "polygon":
    case "fill":
    case "vertices":
      session.setTool(command);
      return true;
    case "smaller":
    case "muchSmaller":
      session.masks.options.resize(-1, command === "muchSmaller");
      return true;
    case "larger":
    case "muchLarger":
      session.masks.options.resize(1, command === "muchLarger");
      return true;
    case "fillHoles":
    case "dropIslands":
      if (session.masks.hasMask) session.masks[command]();
      return session.masks.hasMask;
    case "grow":
    case "shrink":
    case "smooth":
      void session.masks.reshape(command);
      return session.masks.hasMask;
    default:
      return (
        command.startsWith("category") && chooseCategory(session, Number(command.slice("category".length)))
      );
  }
}

/** The selected annotation; without one, all of them: hidden if any is visible, else shown again. */
function toggleHidden(session: Session): void {
  const selected = session.list.annotations.filter(({ uid }) => uid === session.selection.uid);
  const targets = selected.length > 0 ? selected : session.list.annotations;
  const hide = targets.some(({ hidden }) => !hidden);
  for (const { uid } of targets) session.list.setHidden(uid, hide);
}

function toggleLock(session: Session): void {
  const selected = session.list.annotations.find(({ uid }) => uid === session.selection.uid);
  if (selected) session.list.setLocked(selected.uid, !selected.locked);
}

function chooseCategory(session: Session, position: number): boolean {
  const category = session.list.categories[position];
  if (category) session.chooseCategory(category.id);
  return category !== undefined;
}
