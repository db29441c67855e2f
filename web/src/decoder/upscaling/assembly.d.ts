/** What `plugins/assembly.ts` makes of a file of AssemblyScript. */
declare module "*?assembly" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
