// The part of the bindings of libjpeg-turbo that is used here: they are optional, and so may bring no types.

declare module '@julusian/jpeg-turbo' {
  export interface Decompressed {
    readonly width: number
    readonly height: number
  }
  export const FORMAT_RGB: number
  export function decompressSync(image: Uint8Array, into: Uint8Array, options: { readonly format: number }): Decompressed
  export function decompress(image: Uint8Array, into: Uint8Array, options: { readonly format: number }): Promise<Decompressed>
}
