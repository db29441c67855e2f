import type { ProjectImage } from "../api/types.ts";
import { type Login, type Send, Uploads } from "./uploads.svelte.ts";

export interface ProjectUploadsOptions {
  send(projectId: number, ...file: Parameters<Send>): ReturnType<Send>;
  login: Login;
  /** Resolves once the server answers, with whether it was away. */
  reachable: () => Promise<boolean>;
}

/** The uploads of each project since the site was opened: they go on whatever page is shown, and are there when a gallery is opened again. */
export class ProjectUploads {
  private readonly known = new Map<number, Uploads>();
  private readonly galleries = new Map<number, (image: ProjectImage) => void>();

  constructor(private readonly options: ProjectUploadsOptions) {}

  of(projectId: number): Uploads {
    const known = this.known.get(projectId);
    if (known) return known;
    const { send, login, reachable } = this.options;
    const made = new Uploads(
      (found, onProgress) => send(projectId, found, onProgress),
      (image) => this.galleries.get(projectId)?.(image),
      login,
      reachable,
    );
    this.known.set(projectId, made);
    return made;
  }

  /** A gallery of the project is open, and hears of each image that comes. @returns disposer */
  show(projectId: number, onImage: (image: ProjectImage) => void): () => void {
    this.galleries.set(projectId, onImage);
    return () => {
      if (this.galleries.get(projectId) === onImage) this.galleries.delete(projectId);
    };
  }

  /** Ask before the site is left while files are on their way: they would not arrive. @returns disposer */
  listen(): () => void {
    const leave = (event: BeforeUnloadEvent) => {
      if ([...this.known.values()].some(({ busy }) => busy)) event.preventDefault();
    };
    window.addEventListener("beforeunload", leave);
    return () => window.removeEventListener("beforeunload", leave);
  }
}
