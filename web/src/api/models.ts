/** Calls about models, their files and what they encode. Each rejects with ApiError or NetworkError. */
import { type Apis, body, type Signal } from "./calls.ts";
import type { EmbeddingAnswer, Manifest, Model, ModelChange } from "./types.ts";

export const modelCalls = ({ api }: Apis) => ({
  models: async () => (await body<{ models: Model[] }>(api.GET("/api/v1/models"))).models,
  /** Has a model fetched on the server; one that failed goes on where it stopped. */
  pullModel: (name: string) => api.POST("/api/v1/models/{name}/pull", { params: { path: { name } } }),
  /** What has arrived of it stays for the next time. */
  cancelPull: (name: string) => api.DELETE("/api/v1/models/{name}/pull", { params: { path: { name } } }),
  /** @param model name of an installed one; null for whatever the installation uses */
  changeModel: (projectId: number, model: string | null) =>
    body<ModelChange>(
      api.PUT("/api/v1/projects/{project_id}/model", {
        params: { path: { project_id: projectId } },
        body: { model, at_once: false },
      }),
    ),
  manifest: (weightsSha256: string) =>
    body<Manifest>(
      api.GET("/api/v1/models/{weights_sha256}/manifest", {
        params: { path: { weights_sha256: weightsSha256 } },
      }),
    ),
  /** @param version sha256 of the graph, from the manifest */
  async graph(weightsSha256: string, graph: "prepare" | "decode", version: string): Promise<ArrayBuffer> {
    const path = "/api/v1/models/{weights_sha256}/graphs/{graph}";
    const params = { path: { weights_sha256: weightsSha256, graph }, query: { v: version } };
    return await (await api.GET(path, { params, parseAs: "stream" })).response.arrayBuffer();
  },
  /**
   * Asking puts the image into the encoder's queue when its embedding does not exist yet.
   * @param init `model`: hash of the weights whose embedding is meant. Rejects with `model_changed` when the project uses
   * others, and there is none of these.
   */
  async embedding(
    imageId: number,
    priority: "look" | "prefetch",
    { model, region, ...init }: Signal & { model: string; region?: string },
  ): Promise<EmbeddingAnswer> {
    const query = { dtype: "packed", priority, model, ...(region === undefined ? {} : { region }) } as const;
    const { response } = await api.GET("/api/v1/images/{image_id}/embedding", {
      params: { path: { image_id: imageId }, query },
      parseAs: "stream",
      ...init,
    });
    if (response.status === 202) return (await response.json()) as EmbeddingAnswer;
    return { state: "ready", bytes: await response.arrayBuffer() };
  },
});
