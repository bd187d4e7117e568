mod callsites;
