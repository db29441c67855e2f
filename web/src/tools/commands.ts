/** What a command does to the image that is annotated. */

import type { AnnotationSession } from "../session/annotation-session.ts";
import { isHandTool } from "../session/mask-target.ts";
import type { Command } from "./command-table.ts";

/** What shows the image. */
export interface Viewer {
  fit(): void;
  /** Zoom in (+1) or out (−1) by one step. */
  zoom(direction: 1 | -1): void;
}

/** @returns false when there was nothing to do here, so that the key may do what it does elsewhere */
export function perform(command: Command, session: AnnotationSession, viewer: Viewer): boolean {
  const { selectedUid } = session;
  switch (command) {
    case "cycle":
    case "cycleBack":
      if (session.candidates.length === 0 && !session.decoding) return false;
      session.cycle(command === "cycle" ? 1 : -1);
      return true;
    case "accept":
      if (session.drawing) session.accept();
      else if (!selectedUid) return false;
      else if (isHandTool(session.tool))
        session.select(null); // what it changed is saved already
      else session.reopen(selectedUid);
      return true;
    case "drop":
      if (session.drawing) session.drop();
      else session.select(null);
      return true;
    case "removeLastPrompt":
      session.removeLastPrompt();
      return true;
    case "undo":
      session.undo();
      return true;
    case "redo":
      session.redo();
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
function toggleHidden(session: AnnotationSession): void {
  const selected = session.annotations.filter(({ uid }) => uid === session.selectedUid);
  const targets = selected.length > 0 ? selected : session.annotations;
  const hide = targets.some(({ hidden }) => !hidden);
  for (const { uid } of targets) session.setHidden(uid, hide);
}

function toggleLock(session: AnnotationSession): void {
  const selected = session.annotations.find(({ uid }) => uid === session.selectedUid);
  if (selected) session.setLocked(selected.uid, !selected.locked);
}

function chooseCategory(session: AnnotationSession, position: number): boolean {
  const category = session.categories[position];
  if (category) session.chooseCategory(category.id);
  return category !== undefined;
}
