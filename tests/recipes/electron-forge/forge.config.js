module.exports = { packagerConfig: { osxSign: {} } };
