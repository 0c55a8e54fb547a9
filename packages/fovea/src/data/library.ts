// The library that decodes pictures.

/** Versions of sharp and libvips. @throws whatever loading the native library throws */
export async function imageLibraryVersions(): Promise<{ readonly sharp: string; readonly vips: string }> {
  const { default: sharp } = await import('sharp')
  return { sharp: sharp.versions.sharp ?? 'unknown', vips: sharp.versions.vips }
}
