/** Sizes in pixels to which pictures of users are cut. */
export type PictureShape = { readonly width: number; readonly height: number };

export const pictureShapes = {
  avatar: { width: 320, height: 320 },
  background: { width: 1080, height: 608 },
} as const satisfies Record<string, PictureShape>;
