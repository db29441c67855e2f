/** Panels beside the image that are opened by name. */
export type PanelName = "objects" | "categories" | "history" | "comments";
