import { paraglideVitePlugin } from "@inlang/paraglide-js";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";
import { assembly } from "./plugins/assembly.ts";
import { guide } from "./plugins/guide.ts";
import { precompress } from "./plugins/precompress.ts";

const BACKEND = process.env.LIMNER_BACKEND ?? "http://127.0.0.1:8000";

// The decoder runs in threads only on a cross-origin isolated page, so the dev server isolates it as the backend does.
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** The functions of the texts, made from messages/; `npm run texts` makes the same ones without Vite. */
const texts = paraglideVitePlugin({
  project: "./project.inlang",
  outdir: "./src/texts/generated",
  strategy: ["globalVariable", "baseLocale"],
  outputStructure: "locale-modules",
  emitTsDeclarations: true,
  emitReadme: false,
  emitPrettierIgnore: false,
});

export default defineConfig({
  plugins: [texts, assembly(), svelte(), guide("../docs"), precompress({ minBytes: 1024 })],
  base: "./", // the server puts the path of the installation before it
  build: {
    outDir: "../server/limner/static",
    emptyOutDir: true,
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"], // light-dark() as it is: rewritten, it would not follow color-scheme within the page
    assetsInlineLimit: 0, // the CSP allows no data: fonts or scripts, and files compress better
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      checks: { pluginTimings: false }, // compressing takes most of a build, as it must
      output: { codeSplitting: { groups: [{ name: "en", test: /generated\/messages\/en\.js$/ }] } }, // loaded beside the page
    },
  },
  worker: { format: "es", plugins: () => [assembly()] },
  optimizeDeps: { exclude: ["onnxruntime-web"] },
  server: {
    headers: ISOLATION,
    proxy: Object.fromEntries(
      ["/api", "/guide"].map((path) => [path, { target: BACKEND, changeOrigin: false }]),
    ),
  },
  test: {
    environment: "node",
    include: ["src/**/*.test.ts"],
    setupFiles: ["src/texts/english.test-support.ts"],
    restoreMocks: true,
    testTimeout: 60_000, // nothing is measured here, and a busy machine is slow
  },
  resolve: process.env.VITEST ? { conditions: ["browser"] } : {},
});
