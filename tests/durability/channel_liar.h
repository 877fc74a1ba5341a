/* Parts of channel_liar. */
#ifndef DURABILITY_CHANNEL_LIAR_H
#define DURABILITY_CHANNEL_LIAR_H

/* Counts what holds and what does not, which it says. */
void liar_recover(unsigned *passed, unsigned *failed);

#endif
