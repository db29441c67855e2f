/** A file that is read here while it comes, so that a page can say how far it is, and stop it. */

/** More than this is left to the browser's own downloads, which go to the disk as they come. */
export const MOST_READ = 200_000_000; // bytes

/** @param onbytes how many have come so far */
export async function collect(response: Response, onbytes: (bytes: number) => void): Promise<Blob> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const piece = await reader?.read();
    if (!piece || piece.done) break;
    chunks.push(piece.value);
    bytes += piece.value.byteLength;
    onbytes(bytes);
  }
  return new Blob(chunks, { type: response.headers.get("Content-Type") ?? "" });
}

/** Has the browser keep what was read, under a name. */
export function keep(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  follow(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // it has begun to be written by then
}

/** Has the browser download an address. Without a name the server gives one. */
export function follow(address: string, name = ""): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}
