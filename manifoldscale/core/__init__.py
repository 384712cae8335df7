"""Values that every floor above uses: results, intervals, caveats, errors."""
