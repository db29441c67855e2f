/** The folders of a project as a tree, written line by line. */
import type { Folder } from "../api/types.ts";

export const LONGEST_PATH = 1024; // characters, as the server takes them

/** As the server keeps it: its parts in NFC, one slash between them; empty: no folder. */
export const cleanFolder = (path: string): string =>
  path
    .trim()
    .normalize("NFC")
    .split(/[/\\]/u)
    .filter((part) => !["", ".", ".."].includes(part))
    .join("/");

export interface FolderLine {
  /** From the project's root, as lists are asked for it. */
  readonly path: string;
  /** The last part of the path. */
  readonly name: string;
  /** How many folders it lies in. */
  readonly depth: number;
  /** How many images are in it and in all folders below. */
  readonly images: number;
}

/** @param folders those with images right in them, by path. @returns these and all that they lie in, each after its own parent */
export function folderTree(folders: readonly Folder[]): FolderLine[] {
  const lines = new Map<string, FolderLine>();
  for (const { path, images } of folders) {
    const parts = path.split("/");
    for (let depth = 0; depth < parts.length; depth++) {
      const upTo = parts.slice(0, depth + 1).join("/");
      const known = lines.get(upTo)?.images ?? 0;
      lines.set(upTo, { path: upTo, name: parts[depth]!, depth, images: known + images });
    }
  }
  const byPart = new Intl.Collator(undefined, { numeric: true }).compare;
  return [...lines.values()].sort((a, b) => {
    const [one, other] = [a.path.split("/"), b.path.split("/")];
    for (let depth = 0; depth < Math.min(one.length, other.length); depth++) {
      const order = byPart(one[depth]!, other[depth]!);
      if (order !== 0) return order;
      if (one[depth] !== other[depth]) return one[depth]! < other[depth]! ? -1 : 1;
    }
    return one.length - other.length;
  });
}
