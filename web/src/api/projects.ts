/** Calls about projects, their categories, folders, tags and settings. Each rejects with ApiError or NetworkError. */
import { type Apis, body } from "./calls.ts";
import type { Category, Folder, NextOrder, Project, Tag } from "./types.ts";

export const projectCalls = ({ api }: Apis) => ({
  projects: async () => (await body<{ projects: Project[] }>(api.GET("/api/v1/projects"))).projects,
  project: (id: number) =>
    body<Project>(api.GET("/api/v1/projects/{project_id}", { params: { path: { project_id: id } } })),
  createProject: (name: string) => body<Project>(api.POST("/api/v1/projects", { body: { name } })),
  renameProject: (id: number, name: string) =>
    body<Project>(
      api.PATCH("/api/v1/projects/{project_id}", {
        params: { path: { project_id: id } },
        body: { name },
      }),
    ),
  deleteProject: (id: number) =>
    api.DELETE("/api/v1/projects/{project_id}", { params: { path: { project_id: id } } }),
  createCategory: (projectId: number, name: string) =>
    body<Category>(
      api.POST("/api/v1/projects/{project_id}/categories", {
        params: { path: { project_id: projectId } },
        body: { name, supercategory: "" },
      }),
    ),
  changeCategory: (id: number, changes: Partial<Pick<Category, "name" | "color" | "position">>) =>
    body<Category>(
      api.PATCH("/api/v1/categories/{category_id}", {
        params: { path: { category_id: id } },
        body: changes,
      }),
    ),
  deleteCategory: (id: number) =>
    api.DELETE("/api/v1/categories/{category_id}", { params: { path: { category_id: id } } }),
  folders: async (projectId: number) => {
    const params = { path: { project_id: projectId } };
    const answer = api.GET("/api/v1/projects/{project_id}/folders", { params });
    return (await body<{ folders: Folder[] }>(answer)).folders;
  },
  /** In alphabetical order. */
  tags: async (projectId: number) => {
    const params = { path: { project_id: projectId } };
    return (await body<{ tags: Tag[] }>(api.GET("/api/v1/projects/{project_id}/tags", { params }))).tags;
  },
  setNextOrder: (projectId: number, order: NextOrder) =>
    body<Project>(
      api.PATCH("/api/v1/projects/{project_id}", {
        params: { path: { project_id: projectId } },
        body: { next_order: order },
      }),
    ),
  /** @param shared whether whoever annotates sees the figures of everybody who does */
  shareFigures: (projectId: number, shared: boolean) =>
    body<Project>(
      api.PATCH("/api/v1/projects/{project_id}", {
        params: { path: { project_id: projectId } },
        body: { shares_figures: shared },
      }),
    ),
  /** @param share of the images that are handed out, 0 to 1 */
  setGoldShare: (projectId: number, share: number) =>
    body<Project>(
      api.PATCH("/api/v1/projects/{project_id}", {
        params: { path: { project_id: projectId } },
        body: { gold_share: share },
      }),
    ),
});
