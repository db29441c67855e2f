import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Plugin } from "vite";

const brotli = promisify(brotliCompress);
const gzipAsync = promisify(gzip);
const COMPRESSIBLE = /\.(?:js|mjs|css|html|svg|json|wasm|txt|webmanifest)$/;

async function compressFile(path: string, minBytes: number): Promise<void> {
  const bytes = await readFile(path);
  if (bytes.length < minBytes) return;
  const [br, gz] = await Promise.all([
    brotli(bytes, {
      params: {
        // Quality 11 takes half a minute on the 13 MB runtime; 9 is within a few percent of its size.
        [constants.BROTLI_PARAM_QUALITY]: bytes.length > 1_000_000 ? 9 : 11,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }),
    gzipAsync(bytes, { level: 9 }),
  ]);
  await writeFile(`${path}.br`, br);
  await writeFile(`${path}.gz`, gz);
}

/** Writes `<asset>.br` and `<asset>.gz` beside every compressible build output of at least `minBytes` bytes. */
export function precompress({ minBytes }: { minBytes: number }): Plugin {
  let outDir = "";
  return {
    name: "limner-precompress",
    apply: "build",
    configResolved(config) {
      outDir = config.build.outDir;
    },
    async closeBundle(error) {
      if (error) return; // there may be nothing, and the build says why
      const names = await readdir(outDir, { recursive: true });
      for (const name of names.filter((each) => COMPRESSIBLE.test(each))) {
        await compressFile(join(outDir, name), minBytes);
      }
    },
  };
}
