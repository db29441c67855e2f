/** What the person of this page may do with the open image, as the server says it: the one place where the page decides that. */

import type { ImageDetails, Permission, Project } from "../api/types.ts";
import { m } from "../texts/messages.ts";

export interface Rights {
  /** They may change masks, submit, skip, and be handed images. */
  readonly annotates: boolean;
  /** They may approve, and return. */
  readonly reviews: boolean;
  readonly comments: boolean;
  /** For people: why nothing on the image can be changed; empty where it can. */
  readonly readOnly: string;
}

export const MAY_LOOK = m.annotate_rights_viewer;
export const NOT_THEIRS = m.annotate_rights_copy;

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
    readOnly: annotates ? "" : elsewhere ? NOT_THEIRS() : MAY_LOOK(),
  };
}
