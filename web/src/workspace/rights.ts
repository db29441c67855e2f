/** What the person of this page may do with the open image, as the server says it: the one place where the page decides that. */
import type { ImageDetails, Permission, Project } from "../api/types.ts";

export interface Rights {
  /** They may change masks, submit, skip, and be handed images. */
  readonly annotates: boolean;
  /** They may approve, and return. */
  readonly reviews: boolean;
  readonly comments: boolean;
  /** For people: why nothing on the image can be changed; empty where it can. */
  readonly readOnly: string;
}

export const MAY_LOOK = "View only: you are a viewer in this project. A manager can make you an annotator.";
export const NOT_THEIRS = "View only: somebody else draws on this copy of the image, unseen by others.";

/** The image knows best; until it is there the project does, and until that is, nothing is refused. */
export function rightsOn(
  image: Pick<ImageDetails, "permissions"> | null,
  project: Pick<Project, "permissions"> | null,
): Rights {
  const granted = image?.permissions ?? project?.permissions;
  if (!granted) return { annotates: true, reviews: false, comments: false, readOnly: "" };
  const may = (permission: Permission) => granted.includes(permission);
  const annotates = may("annotations:write");
  const elsewhere = project?.permissions.includes("annotations:write") ?? false;
  return {
    annotates,
    reviews: may("annotations:review"),
    comments: may("comments:write"),
    readOnly: annotates ? "" : elsewhere ? NOT_THEIRS : MAY_LOOK,
  };
}
