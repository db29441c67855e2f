/**
 * The path below which a proxy shows Limner, such as "/limner"; empty without one. The server writes it into the page
 * (`client.py`), whose scripts, styles and addresses all lie below it.
 */
export const ROOT = readRoot(typeof document === "undefined" ? null : document);

export function readRoot(page: Pick<Document, "querySelector"> | null): string {
  return page?.querySelector('meta[name="limner-root"]')?.getAttribute("content") ?? "";
}
