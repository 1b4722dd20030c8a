#include "src/train/ranked_batch.h"

#include <ATen/ATen.h>

#include "src/train/task_batch.h"

namespace tmpq {

RankedBatch DrawRankedBatch(const CaptionedWorld& world, int64_t pairs, RandomStream& random) {
  const auto elements = static_cast<size_t>(world.elements());
  RankedBatch batch;
  batch.samples.resize(2 * pairs * elements);
  const std::span<float> samples(batch.samples);
  for (int64_t i = 0; i < pairs; ++i) {
    const RankedPair pair = DrawRankedPair(world, random, samples.subspan(i * elements, elements),
                                           samples.subspan((pairs + i) * elements, elements));
    batch.flaws.push_back(pair.flaw);
    const std::vector<int32_t> caption = world.vocabulary().Encode(pair.caption);
    batch.captions.insert(batch.captions.end(), caption.begin(), caption.end());
  }
  const std::vector<int64_t> once = batch.captions;
  batch.captions.insert(batch.captions.end(), once.begin(), once.end());
  return batch;
}

std::pair<at::Tensor, at::Tensor> RankedCosines(const TorchExecutor& executor,
                                                const TorchExecutor::Tensors& parameters,
                                                const CaptionedWorld& world,
                                                const RankedBatch& batch) {
  const auto pairs = static_cast<int64_t>(batch.flaws.size());
  const at::Tensor samples = BatchTensor(batch.samples, 2 * pairs, world.shape());
  const at::Tensor captions = BatchTensor(batch.captions, 2 * pairs, {world.vocabulary().tokens()});
  const auto [of_samples, of_captions] =
      UnitEmbeddings(executor.Run(parameters, {{"sample", samples}, {"caption", captions}}));
  const at::Tensor cosines = (of_samples * of_captions).sum(1);
  return {cosines.narrow(0, 0, pairs), cosines.narrow(0, pairs, pairs)};
}

}  // namespace tmpq
