import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import asc from "assemblyscript/asc";
import type { Plugin } from "vite";

const QUERY = "?assembly";
const OPTIONS = [
  ...[
    "--runtime",
    "stub",
    "--memoryBase",
    "0",
    "-O3",
    "--noAssert",
    "--noColors",
    "--enable",
    "simd,threads",
  ],
  ...["--importMemory", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
];

/**
 * `import bytes from "./kernel.ts?assembly"`: a file of AssemblyScript as WebAssembly with vectors, which takes as `env.memory` a
 * memory that it shares with others.
 */
export function assembly(): Plugin {
  return {
    name: "assembly",
    enforce: "pre",
    async load(id) {
      if (!id.endsWith(QUERY)) return null;
      const { bytes, files } = await compile(id.slice(0, -QUERY.length));
      for (const file of files) this.addWatchFile(file);
      return `export default Uint8Array.from(atob("${bytes.toString("base64")}"), (c) => c.charCodeAt(0));`;
    },
  };
}

/** @throws with what the compiler says, also when it only warns */
async function compile(entry: string): Promise<{ bytes: Buffer; files: string[] }> {
  const files: string[] = [];
  let bytes: Buffer | undefined;
  const { error, stderr } = await asc.main([basename(entry), "--outFile", "out.wasm", ...OPTIONS], {
    readFile: async (name) => {
      const file = join(dirname(entry), name);
      const text = await readFile(file, "utf8").catch(() => null); // the compiler looks in several places
      if (text !== null) files.push(file);
      return text;
    },
    writeFile: (_, contents) => {
      bytes = Buffer.from(contents);
    },
    listFiles: () => [],
  });
  if (error || stderr.toString() || !bytes)
    throw new Error(`${entry}: ${stderr.toString() || error?.message}`);
  return { bytes, files };
}
