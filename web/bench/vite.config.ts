/** Builds the bench's page; `npm run build` does not know of it. */

import { defineConfig } from "vite";
import { assembly } from "../plugins/assembly.ts";

export default defineConfig({
  root: import.meta.dirname,
  build: { target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 700, emptyOutDir: true },
  worker: { format: "es", plugins: () => [assembly()] },
});
