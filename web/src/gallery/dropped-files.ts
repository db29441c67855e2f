/** What somebody drops onto a project, or picks in a dialog. */
import type { FoundFile } from "../api/upload.ts";

const byName = new Intl.Collator(undefined, { numeric: true });

/** The files of a drop in their order, with those in dropped folders, which come by name: 2 before 10. */
export async function droppedFiles(transfer: DataTransfer): Promise<FoundFile[]> {
  // The entries must be taken before the first await: afterwards the browser has emptied the list.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry());
  if (entries.every((entry) => entry === null)) return pickedFiles(transfer.files);
  const found = await Promise.all(entries.map((entry) => (entry ? filesIn(entry) : [])));
  return found.flat();
}

/** The files of a file dialog in their order; those of a chosen folder keep their paths. */
export function pickedFiles(files: Iterable<File>): FoundFile[] {
  return [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

async function filesIn(entry: FileSystemEntry): Promise<FoundFile[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    return [{ path: entry.fullPath.replace(/^\/+/, "") || file.name, file }];
  }
  const inside = await entriesOf(entry as FileSystemDirectoryEntry);
  const shown = inside.filter((each) => !each.name.startsWith("."));
  shown.sort((a, b) => byName.compare(a.name, b.name));
  const files: FoundFile[] = [];
  for (const each of shown) files.push(...(await filesIn(each)));
  return files;
}

async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    // A reader hands out a hundred at a time, and an empty list at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return all;
    all.push(...some);
  }
}
