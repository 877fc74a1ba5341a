// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Inbox} from "../../l1/Inbox.sol";
import {ResourceMetering} from "../../l1/ResourceMetering.sol";
import {Base} from "./Base.t.sol";

contract InboxMeteringTest is Base {
    function price() private view returns (uint256 fee) {
        (fee,,) = inbox.params();
    }

    function buy(uint64 amount) private {
        vm.prank(stranger, stranger);
        inbox.enqueue(user, 0, amount, false, "");
    }

    function test_child_gas_is_burnt_on_the_parent() public {
        uint256 before = gasleft();
        buy(2_000_000);
        uint256 used = before - gasleft();
        assertGt(used, 2_000_000); // at the least price, 1 gwei, and a parent's base fee of 1 gwei
        assertLt(used, 2_020_000);
    }

    function test_a_dearer_parent_burns_less_gas() public {
        vm.fee(10 gwei);
        uint256 before = gasleft();
        buy(2_000_000);
        uint256 used = before - gasleft();
        assertGt(used, 200_000);
        assertLt(used, 220_000);
    }

    function test_a_parent_block_sells_20_million() public {
        vm.fee(1_000 gwei);
        buy(15_000_000);
        buy(4_900_000);
        vm.expectRevert(ResourceMetering.OutOfGas.selector);
        buy(100_001);
        buy(100_000);
        nextBlock();
        buy(15_000_000);
    }

    function test_the_price_follows_what_was_bought() public {
        vm.fee(1_000 gwei);
        buy(15_000_000);
        buy(5_000_000);
        assertEq(price(), 1 gwei);
        nextBlock();
        buy(5_000_000);
        assertEq(price(), 1.375 gwei); // 15 of 5 million too much, an eighth of it
        nextBlock();
        buy(21_000);
        assertEq(price(), 1.375 gwei); // just the target
        nextBlock();
        buy(21_000);
        uint256 fee = 1.375 gwei;
        fee -= fee * (5_000_000 - 21_000) / 5_000_000 / 8;
        assertEq(price(), fee);
    }

    function test_the_price_falls_by_an_eighth_in_an_empty_block() public {
        vm.fee(100_000 gwei);
        for (uint256 i = 0; i < 10; i++) {
            buy(15_000_000);
            buy(5_000_000);
            vm.roll(block.number + 1);
        }
        buy(5_000_000);
        uint256 high = price();
        assertGt(high, 20 gwei);
        vm.roll(block.number + 4);
        buy(5_000_000);
        uint256 fee = high;
        for (uint256 i = 0; i < 3; i++) fee -= fee / 8;
        assertEq(price(), fee);
        vm.roll(block.number + 100_000);
        buy(21_000);
        assertEq(price(), 1 gwei);
    }

    function test_the_price_stays_in_its_bounds_at_any_pace(uint32[20] calldata amounts, uint16[20] calldata gaps)
        public
    {
        vm.fee(1_000_000 gwei);
        for (uint256 i = 0; i < 20; i++) {
            buy(uint64(bound(amounts[i], 21_000, 15_000_000)));
            assertGe(price(), 1 gwei);
            vm.roll(block.number + 1 + gaps[i]);
        }
    }

    /// What an item takes is below what it must come with, also after a storm and a long silence, with as much
    /// data as there may be: so an estimate holds whatever others do before the transaction is included.
    function test_the_dearest_item_takes_less_than_it_needs() public {
        vm.fee(1_000_000_000 gwei);
        for (uint256 i = 0; i < 60; i++) {
            buy(15_000_000);
            buy(5_000_000);
            vm.roll(block.number + 1);
        }
        assertGt(price(), 1e8 gwei);
        vm.fee(1_000 gwei);
        for (uint256 size = 0; size <= 24 * 1024; size += 12 * 1024) {
            bytes memory data = new bytes(size);
            vm.roll(block.number + 100_000);
            vm.cool(address(inbox));
            uint256 snapshot = vm.snapshotState();
            uint256 before = gasleft();
            inbox.enqueue(user, 0, 500_000, false, data);
            uint256 used = before - gasleft();
            vm.revertToState(snapshot);
            vm.expectRevert(ResourceMetering.NotEnoughGas.selector);
            inbox.enqueue{gas: 100_000 + 10 * size}(user, 0, 500_000, false, data);
            assertLt(used, 100_000 + 10 * size);
        }
    }

    function test_configuration_is_exempt() public {
        vm.fee(1_000 gwei);
        buy(15_000_000);
        buy(5_000_000);
        vm.prank(owner);
        config.setGasLimit(50_000_000);
        assertEq(inbox.itemCount(), 3);
    }

    /// What a block's first buyer will pay, worked out as a buyer would.
    function nextPrice() private view returns (uint256 fee) {
        (uint128 last, uint64 bought,) = inbox.params();
        int256 change = (int256(uint256(bought)) - 5_000_000) * int256(uint256(last)) / 5_000_000 / 8;
        fee = uint256(int256(uint256(last)) + change);
        if (fee < 1 gwei) fee = 1 gwei;
    }

    /// For an hour, somebody spends all gas of every parent block (30 M, one block a minute) on filling the
    /// queue, ahead of everybody else. A user wants one ordinary item in every block.
    function test_a_queue_filled_for_an_hour_lets_others_in() public {
        uint256 waited = 0;
        uint256 longest = 0;
        uint256 dearest = 0;
        uint64[3] memory sizes = [uint64(15_000_000), 5_000_000, 1_000_000];
        for (uint256 i = 0; i < 60; i++) {
            vm.roll(block.number + 1);
            vm.warp(block.timestamp + 60);
            uint256 budget = 30_000_000;
            uint256 fee = nextPrice();
            uint256 left = 20_000_000;
            for (uint256 j = 0; j < 3; j++) {
                uint256 cost = sizes[j] * fee / 1 gwei + 100_000;
                while (left >= sizes[j] && budget >= cost) {
                    buy(sizes[j]);
                    budget -= cost;
                    left -= sizes[j];
                }
            }
            uint256 start = gasleft();
            vm.prank(user, user);
            try inbox.enqueue{gas: 6_000_000}(user, 0, 100_000, false, "") {
                if (start - gasleft() > dearest) dearest = start - gasleft();
                waited = 0;
            } catch {
                waited++;
                if (waited > longest) longest = waited;
            }
        }
        emit log_named_uint("blocks waited at most", longest);
        emit log_named_uint("parent gas paid at most", dearest);
        assertGt(longest, 0); // the queue was full
        assertLe(longest, 5);
        assertLt(dearest, 1_000_000);
    }
}
