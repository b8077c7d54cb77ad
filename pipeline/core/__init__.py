"""What every other part stands on: params, files, arrays, processes."""
