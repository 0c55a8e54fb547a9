// The framework's version, checked against package.json by a test.

export const frameworkVersion = '0.8.0'
