/** Words on images. */

export const LONGEST_TAG = 64; // characters, as the server takes them

/** As the server keeps it: one line in NFC, one space between its words. */
export const cleanTag = (text: string): string => text.trim().split(/\s+/u).join(" ").normalize("NFC");
