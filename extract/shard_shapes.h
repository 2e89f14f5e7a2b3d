// Shared by shards.cpp and embeddings_reader.cpp.
#pragma once

#include "extract/shards.h"
#include "runtime/hdf5.h"

namespace limner {

// bad_data, naming the dataset, where one of a shard's is missing or has another shape than these rows of the
// provenance: what is read goes into memory of the provenance's shapes.
void check_shard_shapes(const hdf5::Reader& file, const ShardProvenance& provenance, int64_t rows);

}  // namespace limner
