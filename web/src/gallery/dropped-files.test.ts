import { expect, it } from "vitest";
import { droppedFiles, pickedFiles } from "./dropped-files.ts";

interface Folder {
  [name: string]: Folder | string;
}

/** What a browser hands out for a file (its content as text) or a folder. */
function entry(name: string, content: Folder | string, parent = ""): FileSystemEntry {
  const fullPath = `${parent}/${name}`;
  if (typeof content === "string") {
    const file = (done: (file: File) => void) => done(new File([content], name));
    return { isFile: true, name, fullPath, file } as unknown as FileSystemEntry;
  }
  const children = Object.entries(content).map(([child, inside]) => entry(child, inside, fullPath));
  const createReader = () => ({
    readEntries: (done: (some: FileSystemEntry[]) => void) => done(children.splice(0, 2)),
  });
  return { isFile: false, name, fullPath, createReader } as unknown as FileSystemEntry;
}

function drop(...entries: FileSystemEntry[]): DataTransfer {
  return {
    items: entries.map((each) => ({ webkitGetAsEntry: () => each })),
    files: [],
  } as unknown as DataTransfer;
}

it("keeps the paths of dropped folders, so that equal names in two of them stay apart", async () => {
  const found = await droppedFiles(
    drop(
      entry("cam2", { "0001.png": "b" }),
      entry("cam1", { "0001.png": "a", deep: { "x.png": "c" } }),
      entry("z.png", "d"),
    ),
  );
  expect(found.map((each) => each.path)).toEqual([
    "cam2/0001.png",
    "cam1/0001.png",
    "cam1/deep/x.png",
    "z.png",
  ]);
  expect(await found[1]?.file.text()).toBe("a");
});

it("takes a folder's files by name, numbers by value, and leaves hidden ones out", async () => {
  const found = await droppedFiles(
    drop(entry("f", { "10.png": "", "2.png": "", "1.png": "", ".DS_Store": "", ".git": { "a.png": "" } })),
  );
  expect(found.map((each) => each.path)).toEqual(["f/1.png", "f/2.png", "f/10.png"]);
});

it("keeps the order of a file dialog, and the paths of a chosen folder", () => {
  const inFolder = Object.defineProperty(new File([], "b.png"), "webkitRelativePath", { value: "set/b.png" });
  expect(pickedFiles([inFolder, new File([], "a.png")]).map((each) => each.path)).toEqual([
    "set/b.png",
    "a.png",
  ]);
});
