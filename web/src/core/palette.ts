/** Colours for what has no category: Okabe and Ito's, told apart with any kind of colour vision (jfly.uni-koeln.de/color). */
const OKABE_ITO = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"] as const;

/** The same colour for the same uid, wherever and whenever it is painted. */
export function colourOf(uid: string): string {
  let hash = 0;
  for (let index = 0; index < uid.length; index++) hash = (Math.imul(hash, 31) + uid.charCodeAt(index)) | 0;
  return OKABE_ITO[Math.abs(hash) % OKABE_ITO.length]!;
}

/** Of the object being drawn while it has no category: bright, and not among the others. */
export const DRAFT_COLOUR = "#4d9fff";
