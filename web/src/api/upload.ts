/** Uploading one file with progress: XMLHttpRequest, because fetch does not report how much it has sent. */
import { m } from "../texts/messages.ts";
import { ApiError, type ErrorBody, NetworkError } from "./errors.ts";
import { ROOT } from "./root.ts";
import type { UploadResult } from "./types.ts";

/** A file and the path under which the project is to have it: its name, with the folders that it was found in. */
export interface FoundFile {
  path: string;
  file: File;
}

/** `onProgress` gets the share that was sent, 0 to 1. */
export function uploadImage(
  projectId: number,
  { path, file }: FoundFile,
  csrfToken: string,
  onProgress: (share: number) => void,
): Promise<UploadResult> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${ROOT}/api/v1/projects/${projectId}/images`);
    request.setRequestHeader("X-CSRFToken", csrfToken);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0);
    request.onerror = () => reject(new NetworkError(m.errors_upload_broken()));
    request.onload = () => {
      const body = request.response as { results?: UploadResult[] } | ErrorBody | null;
      const result = body && "results" in body ? body.results?.[0] : undefined;
      if (result) resolve(result);
      else reject(uploadError(request.status, body as ErrorBody | null));
    };
    const form = new FormData();
    form.append("files", file, path);
    request.send(form);
  });
}

function uploadError(status: number, body: ErrorBody | null): ApiError {
  const {
    code = "unexpected_answer",
    message = m.errors_unexpected_status({ status }),
    hint = "",
  } = body?.error ?? {};
  return new ApiError(code, message, hint, status);
}
