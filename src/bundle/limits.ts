// The limits on a bundle, known to those who make, check and unpack one.

const mebibyte = 1024 * 1024;

/** The largest content that gleanerd keeps by its hash: a bundle, an input, a result. */
export const maxBlobBytes = 64 * mebibyte;
/** Files and symbolic links. */
export const maxBundleEntries = 20_000;
/** Leaves room below Linux's PATH_MAX for the folder that a bundle is unpacked into. */
export const maxNameBytes = 1_024;
/** Linux's NAME_MAX. */
export const maxComponentBytes = 255;
/** Settings with an environment and setup commands. */
export const maxManifestBytes = 128 * 1024;
