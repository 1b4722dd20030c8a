// Scenes: the bundled text-to-image world of 32 x 32 pictures.
#pragma once

#include "src/data/captioned_world.h"

namespace tmpq {

// "two small red circles left": one to three equal shapes, side by side, on a dark ground.
// Attributes: count, size, colour, shape, position.
const CaptionedWorld& SceneWorld();

}  // namespace tmpq
